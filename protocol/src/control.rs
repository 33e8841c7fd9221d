//! Names and control codes.

/// The device, in the object manager's name space.
pub const DEVICE_NAME: &str = r"\Device\SvmSave";
/// The symbolic link that lets user mode see the device.
pub const LINK_NAME: &str = r"\DosDevices\SvmSave";
/// The path that user mode opens.
pub const USER_PATH: &str = r"\\.\SvmSave";

/// Probes each processor, whether VMSAVE is possible: [`StatusRecord`](crate::StatusRecord)s.
pub const CONTROL_STATUS: u32 = control_code(0x800);
/// Executes VMSAVE on each processor: [`SnapshotRecord`](crate::SnapshotRecord)s.
pub const CONTROL_SNAPSHOT: u32 = control_code(0x801);

/// `CTL_CODE` of the WDK for a buffered request that demands read access.
const fn control_code(function: u32) -> u32 {
    const FILE_DEVICE_UNKNOWN: u32 = 0x22;
    const FILE_READ_DATA: u32 = 1;
    const METHOD_BUFFERED: u32 = 0;
    FILE_DEVICE_UNKNOWN << 16 | FILE_READ_DATA << 14 | function << 2 | METHOD_BUFFERED
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_are_what_ctl_code_makes_of_them() {
        assert_eq!(CONTROL_STATUS, 0x0022_6000);
        assert_eq!(CONTROL_SNAPSHOT, 0x0022_6004);
    }
}
