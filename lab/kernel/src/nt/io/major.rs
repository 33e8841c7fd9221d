//! `IRP_MJ_*` codes that the lab sends.

/// `IRP_MJ_CREATE`.
pub(crate) const CREATE: u8 = 0x00;
/// `IRP_MJ_CLOSE`.
pub(crate) const CLOSE: u8 = 0x02;
/// `IRP_MJ_DEVICE_CONTROL`.
pub(crate) const DEVICE_CONTROL: u8 = 0x0E;
/// `IRP_MJ_CLEANUP`.
pub(crate) const CLEANUP: u8 = 0x12;
