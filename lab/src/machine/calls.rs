//! Loading the driver, and system calls.

use lab_wire::{
    Access, Command, Handle, IoctlResult, Operation, OperationResult, Report, Response, Thread,
    Token,
};

use super::{Lab, is_success, unexpected};
use crate::Error;

impl Lab {
    /// Loads the driver and runs its entry point; returns where it was mapped.
    ///
    /// # Errors
    ///
    /// [`Error::Load`] when the file is refused or the entry point fails.
    pub fn load(&mut self) -> Result<u64, Error> {
        match self.session.ask(&Command::Load)? {
            Response::Load {
                status,
                base,
                refusal,
            } if is_success(status) && refusal.is_empty() => Ok(base),
            Response::Load {
                status, refusal, ..
            } => Err(Error::Load { status, refusal }),
            other => Err(unexpected(&other)),
        }
    }

    /// Unloads the driver; returns what it left behind.
    ///
    /// # Errors
    ///
    /// [`Error::Status`] when handles are open or the driver cannot unload.
    pub fn unload(&mut self) -> Result<Report, Error> {
        match self.session.ask(&Command::Unload)? {
            Response::Unload { status, report } if is_success(status) => Ok(*report),
            Response::Unload { status, .. } => Err(Error::Status {
                call: "unload",
                status,
            }),
            other => Err(unexpected(&other)),
        }
    }

    /// Opens a device by its Win32 path, such as `\\.\Name`, as an administrator with
    /// `SeDebugPrivilege` enabled.
    ///
    /// # Errors
    ///
    /// [`Error::Status`] with what `CreateFile` would fail with.
    pub fn open(&mut self, path: &str, access: Access) -> Result<Handle, Error> {
        self.open_as(Token::Administrator, path, access)
    }

    /// Opens a device by its Win32 path. All calls with the handle are made by a thread
    /// with the same token.
    ///
    /// # Errors
    ///
    /// [`Error::Status`] with what `CreateFile` would fail with.
    pub fn open_as(&mut self, token: Token, path: &str, access: Access) -> Result<Handle, Error> {
        let operation = Operation::Open {
            path: path.to_owned(),
            access,
            token,
        };
        match self.perform(operation)? {
            OperationResult::Open(Ok(handle)) => Ok(handle),
            OperationResult::Open(Err(status)) => Err(Error::Status {
                call: "open",
                status,
            }),
            other => Err(unexpected(&other)),
        }
    }

    /// Closes a handle.
    ///
    /// # Errors
    ///
    /// [`Error::Status`] for a handle that is not open.
    pub fn close(&mut self, handle: Handle) -> Result<(), Error> {
        match self.perform(Operation::Close { handle })? {
            OperationResult::Close(status) if is_success(status) => Ok(()),
            OperationResult::Close(status) => Err(Error::Status {
                call: "close",
                status,
            }),
            other => Err(unexpected(&other)),
        }
    }

    /// Sends a control code, from a thread on processor 0. A failing status is
    /// part of the result, not an error.
    ///
    /// # Errors
    ///
    /// When the machine stops or gives no answer.
    pub fn ioctl(
        &mut self,
        handle: Handle,
        code: u32,
        input: &[u8],
        output_length: u32,
    ) -> Result<IoctlResult, Error> {
        let operation = Operation::Ioctl {
            handle,
            code,
            input: input.to_vec(),
            output_length,
        };
        match self.perform(operation)? {
            OperationResult::Ioctl(result) => Ok(result),
            other => Err(unexpected(&other)),
        }
    }

    /// Makes one system call from a thread on processor 0.
    fn perform(&mut self, operation: Operation) -> Result<OperationResult, Error> {
        let mut results = self.run(vec![Thread {
            processor: 0,
            operations: vec![operation],
        }])?;
        let result = results.pop().and_then(|mut thread| thread.pop());
        result.ok_or_else(|| Error::Protocol(String::from("no result")))
    }

    /// Runs threads, all at once, each on its processor; threads of one processor
    /// follow each other. Returns the results of each thread's operations.
    ///
    /// # Errors
    ///
    /// When the machine stops or gives no answer.
    pub fn run(&mut self, threads: Vec<Thread>) -> Result<Vec<Vec<OperationResult>>, Error> {
        match self.session.ask(&Command::Run(threads))? {
            Response::Run(results) => Ok(results),
            other => Err(unexpected(&other)),
        }
    }
}
