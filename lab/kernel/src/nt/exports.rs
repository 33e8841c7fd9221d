//! The routines that a driver may import, by name.

use super::{
    contiguous, debug, dispatcher, dpc, exception, io, irql_routines, nodes, pool,
    processor_routines, rtl, security,
};

macro_rules! exports {
    ($($name:literal => $routine:path),+ $(,)?) => {
        /// The address of a routine.
        pub(crate) fn resolve(name: &str) -> Option<u64> {
            let routine = match name {
                $($name => $routine as *const (),)+
                _ => return None,
            };
            Some(routine.addr() as u64)
        }
    };
}

exports! {
    "DbgPrint" => debug::print,
    "ExAllocatePool2" => pool::allocate_pool_2,
    "ExFreePool" => pool::free_pool,
    "ExFreePoolWithTag" => pool::free_pool_with_tag,
    "IoCreateDevice" => io::device::create_device,
    "IoCreateSymbolicLink" => io::namespace::create_symbolic_link,
    "IoDeleteDevice" => io::device::delete_device,
    "IoDeleteSymbolicLink" => io::namespace::delete_symbolic_link,
    "IofCompleteRequest" => io::irp::complete_request,
    "KeBugCheckEx" => debug::bug_check,
    "KeClearEvent" => dispatcher::clear_event,
    "KeFlushQueuedDpcs" => dpc::flush_queued,
    "KeGetCurrentIrql" => irql_routines::get_current,
    "KeGetCurrentProcessorNumberEx" => processor_routines::get_current_number,
    "KeGetProcessorIndexFromNumber" => processor_routines::get_index_from_number,
    "KeGetProcessorNumberFromIndex" => processor_routines::get_number_from_index,
    "KeInitializeDpc" => dpc::initialize,
    "KeInitializeEvent" => dispatcher::initialize_event,
    "KeInitializeMutex" => dispatcher::initialize_mutex,
    "KeInsertQueueDpc" => dpc::insert_queue,
    "KeLowerIrql" => irql_routines::lower,
    "KeQueryActiveProcessorCountEx" => processor_routines::query_active_count,
    "KeQueryLogicalProcessorRelationship" => nodes::query_relationship,
    "KeQueryMaximumProcessorCountEx" => processor_routines::query_maximum_count,
    "KeRaiseIrqlToDpcLevel" => irql_routines::raise_to_dpc_level,
    "KeReleaseMutex" => dispatcher::release_mutex,
    "KeResetEvent" => dispatcher::reset_event,
    "KeSetEvent" => dispatcher::set_event,
    "KeSetImportanceDpc" => dpc::set_importance,
    "KeSetTargetProcessorDpcEx" => dpc::set_target_processor,
    "KeWaitForSingleObject" => dispatcher::wait_for_single_object,
    "KfRaiseIrql" => irql_routines::raise,
    "MmAllocateContiguousNodeMemory" => contiguous::allocate_node_memory,
    "MmFreeContiguousMemory" => contiguous::free_memory,
    "MmGetPhysicalAddress" => contiguous::get_physical_address,
    "MmMapLockedPagesSpecifyCache" => io::buffers::map_locked_pages,
    "ObOpenObjectByPointer" => security::handle::open_object_by_pointer,
    "RtlAddAccessAllowedAce" => security::descriptor::add_access_allowed_ace,
    "RtlCreateAcl" => security::descriptor::create_acl,
    "RtlCreateSecurityDescriptor" => security::descriptor::create_security_descriptor,
    "RtlInitUnicodeString" => rtl::init_unicode_string,
    "RtlSetDaclSecurityDescriptor" => security::descriptor::set_dacl,
    "SeSinglePrivilegeCheck" => security::token::single_privilege_check,
    "ZwClose" => security::handle::close,
    "ZwSetSecurityObject" => security::handle::set_security_object,
    "__C_specific_handler" => exception::scope::c_specific_handler,
    "memcmp" => rtl::memory_compare,
    "memcpy" => rtl::memory_copy,
    "memmove" => rtl::memory_move,
    "memset" => rtl::memory_set,
}
