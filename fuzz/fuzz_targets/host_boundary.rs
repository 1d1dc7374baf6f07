//! libFuzzer's side of `vm_fuzz::host_boundary`.
#![no_main]

libfuzzer_sys::fuzz_target!(init: vm_fuzz::prepare(vm_fuzz::host_boundary), |data: &[u8]| vm_fuzz::host_boundary(data));
