//! How a value is passed to a routine on x86-64, which is all that two declarations of it have to
//! agree on.

use windows_sys::Win32::Foundation as theirs;

/// What a parameter or a result is to the calling convention.
#[derive(Clone, Copy)]
pub(crate) enum Passing {
    /// Nothing.
    Nothing,
    /// An address of data or code.
    Address,
    /// A signed integer of so many bytes.
    Signed(usize),
    /// An unsigned integer of so many bytes.
    Unsigned(usize),
    /// A structure of so many bytes, small enough for a register.
    Structure(usize),
}

impl Passing {
    /// Four bits: zero for nothing, and a number for each of the others that occur.
    const fn code(self) -> i64 {
        match self {
            Self::Nothing => 0,
            Self::Address => 1,
            Self::Signed(bytes) => 2 + bytes.ilog2() as i64,
            Self::Unsigned(bytes) => 6 + bytes.ilog2() as i64,
            Self::Structure(bytes) => 10 + bytes.ilog2() as i64,
        }
    }
}

/// A type of a parameter or a result.
pub(crate) trait Passed {
    /// How it is passed.
    const AS: Passing;
}

macro_rules! passed {
    ($($passing:ident: $($type:ty),+;)+) => {
        $($(impl Passed for $type {
            const AS: Passing = Passing::$passing(size_of::<$type>());
        })+)+
    };
}

passed! {
    Signed: i8, i16, i32, i64;
    Unsigned: u8, u16, u32, u64, usize, bool;
    Structure: wdk_sys::LUID, theirs::LUID;
}

impl Passed for () {
    const AS: Passing = Passing::Nothing;
}

/// `windows-sys` has this for pointers to what is opaque; no routine that is compared
/// here takes an integer of that type.
impl Passed for isize {
    const AS: Passing = Passing::Address;
}

/// `windows-sys` has plain integers for it.
impl Passed for wdk_sys::LARGE_INTEGER {
    const AS: Passing = Passing::Signed(size_of::<Self>());
}

impl<T> Passed for *const T {
    const AS: Passing = Passing::Address;
}

impl<T> Passed for *mut T {
    const AS: Passing = Passing::Address;
}

/// In the declarations that are compared here, only pointers to routines are optional.
impl<T> Passed for Option<T> {
    const AS: Passing = Passing::Address;
}

/// Parameters in their order, then nothing, and the result.
pub(crate) struct Signature {
    parameters: [Passing; 8],
    result: Passing,
}

impl Signature {
    const fn new(passed: &[Passing], result: Passing) -> Self {
        let mut parameters = [Passing::Nothing; 8];
        let (used, _) = parameters.split_at_mut(passed.len());
        used.copy_from_slice(passed);
        Self { parameters, result }
    }

    /// The signature of what `routine` points to.
    pub(crate) const fn of<R: Routine>(_routine: R) -> Self {
        R::SIGNATURE
    }

    /// Four bits for the result, and above them four for each parameter.
    pub(crate) const fn code(&self) -> i64 {
        let mut code = self.result.code();
        let mut index = 0;
        while index < self.parameters.len() {
            code |= self.parameters[index].code() << (4 * (index + 1));
            index += 1;
        }
        code
    }
}

/// A pointer to a routine, as bindgen or as `windows-sys` declares it.
pub(crate) trait Routine: Copy {
    /// Its signature.
    const SIGNATURE: Signature;
}

macro_rules! routine {
    ($($parameter:ident)*) => {
        routine!(@"C" $($parameter)*);
        routine!(@"system" $($parameter)*);
    };
    (@$abi:literal $($parameter:ident)*) => {
        impl<$($parameter: Passed,)* Returned: Passed> Routine
            for unsafe extern $abi fn($($parameter),*) -> Returned
        {
            const SIGNATURE: Signature = Signature::new(&[$($parameter::AS),*], Returned::AS);
        }
    };
}

routine!();
routine!(A);
routine!(A B);
routine!(A B C);
routine!(A B C D);
routine!(A B C D E);
routine!(A B C D E F);
routine!(A B C D E F G);
