//! `IRP_MJ_*` codes that the lab sends.

/// `IRP_MJ_CREATE`.
pub const CREATE: u8 = 0x00;
/// `IRP_MJ_CLOSE`.
pub const CLOSE: u8 = 0x02;
/// `IRP_MJ_DEVICE_CONTROL`.
pub const DEVICE_CONTROL: u8 = 0x0E;
/// `IRP_MJ_CLEANUP`.
pub const CLEANUP: u8 = 0x12;
