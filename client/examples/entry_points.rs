//! Prints where system calls enter the kernel on each processor of a saved snapshot.

fn main() -> Result<(), client::Error> {
    let file = std::env::args().nth(1).unwrap_or_else(|| "-".to_owned());
    for processor in client::Snapshot::open(file)?.processors {
        match processor.result {
            Ok(capture) => println!("{} {:#x}", processor.id, capture.vmsave.system_call.lstar),
            Err(reason) => println!("{} {reason}", processor.id),
        }
    }
    Ok(())
}
