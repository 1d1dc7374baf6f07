//! libFuzzer's side of `vm_fuzz::rpc_request`.
#![no_main]

libfuzzer_sys::fuzz_target!(init: vm_fuzz::prepare(vm_fuzz::rpc_request), |data: &[u8]| vm_fuzz::rpc_request(data));
