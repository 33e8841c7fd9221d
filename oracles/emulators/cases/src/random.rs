//! Numbers that are the same wherever they are made: Marsaglia's xorshift64*.

/// A generator.
pub(crate) struct Random(u64);

impl Random {
    /// A generator that starts from a seed, which is not 0.
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Self(seed);
        // Seeds that are alike have numbers that are alike at first.
        for _ in 0..8 {
            random.next();
        }
        random
    }

    /// The next number.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A number below a limit, which is small and not 0.
    pub(crate) fn below(&mut self, limit: u32) -> u32 {
        let upper = self.next() >> 32;
        u32::try_from((upper * u64::from(limit)) >> 32).unwrap_or_default()
    }
}
