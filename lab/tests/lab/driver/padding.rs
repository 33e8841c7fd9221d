//! Memory of the kernel that is not for the caller: none of it is in a reply.

use amd_svm::msr::Msr;
use lab::{
    Access, GuardedInstruction, Handle, InjectedException, Injection, IoctlResult, Lab, Token,
};
use protocol::{CONTROL_SNAPSHOT, CONTROL_STATUS, Request};

use super::client::ROOM;
use crate::support::{boot, config};

const PROCESSORS: u32 = 4;

/// What memory is filled with whose content is undefined, one after the other. A byte
/// that follows all three of them comes from there.
const FILLERS: [u8; 3] = [0xA5, 0x5A, 0xC3];

fn send(lab: &mut Lab, handle: Handle, code: u32, request: Request, room: u32) -> IoctlResult {
    let reply = lab.ioctl(handle, code, bytemuck::bytes_of(&request), room);
    reply.unwrap_or_else(|error| panic!("{error}"))
}

/// A reply to each kind of request, granted or refused.
fn replies(lab: &mut Lab, handle: Handle) -> Vec<IoctlResult> {
    let mut replies = Vec::new();
    for code in [CONTROL_STATUS, CONTROL_SNAPSHOT] {
        // Processors that are not reached have a record all the same.
        for nth in 1..=PROCESSORS {
            lab.refuse_dpc(nth.into()).unwrap();
            replies.push(send(lab, handle, code, Request::new(), ROOM));
        }
        let mut send = |code, request, room| send(lab, handle, code, request, room);
        replies.push(send(code, Request::handshake(), ROOM));
        for room in [0, 8, 32, 100, ROOM] {
            replies.push(send(code, Request::new(), room));
        }
        let other = Request {
            version: u16::MAX,
            ..Request::new()
        };
        replies.push(send(code, other, ROOM));
        replies.push(send(code ^ 4, Request::new(), ROOM));
    }
    // A processor that faults has a whole record too.
    for msr in Msr::ALL {
        let instruction = GuardedInstruction::ReadRegister(msr.number());
        replies.push(faulting(lab, handle, instruction));
    }
    for instruction in [GuardedInstruction::WriteEfer, GuardedInstruction::Vmsave] {
        replies.push(faulting(lab, handle, instruction));
    }
    replies
}

/// The reply to a snapshot in which an instruction of one processor faults.
fn faulting(lab: &mut Lab, handle: Handle, instruction: GuardedInstruction) -> IoctlResult {
    let injection = Injection {
        instruction,
        exception: InjectedException::GeneralProtection,
        skip: 0,
        count: 1,
    };
    lab.inject_fault(1, injection).unwrap();
    send(lab, handle, CONTROL_SNAPSHOT, Request::new(), ROOM)
}

#[test]
fn no_byte_of_undefined_memory_reaches_a_reply() {
    let mut lab = boot(&config(PROCESSORS));
    // With addresses and without them.
    for token in [Token::Administrator, Token::AdministratorWithoutDebug] {
        let filled = FILLERS.map(|filler| {
            lab.fill_memory(filler).unwrap();
            lab.load().unwrap_or_else(|error| panic!("{error}"));
            let handle = lab
                .open_as(token, protocol::USER_PATH, Access::READ)
                .unwrap();
            let replies = replies(&mut lab, handle);
            lab.close(handle).unwrap();
            assert!(lab.unload().unwrap().is_clean());
            replies
        });
        let [first, second, third] = &filled;
        let mut bytes = 0;
        for (kind, ((a, b), c)) in first.iter().zip(second).zip(third).enumerate() {
            let length = a.output.len();
            assert_eq!([b.output.len(), c.output.len()], [length; 2]);
            for at in 0..length {
                let seen = [a, b, c].map(|reply| reply.output[at]);
                assert_ne!(seen, FILLERS, "byte {at} of reply {kind}");
            }
            bytes += length;
        }
        assert!(bytes > 2000, "{bytes} bytes of replies were looked at");
    }
}
