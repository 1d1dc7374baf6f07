//! libFuzzer's side of `vm_fuzz::engine_differential`.
#![no_main]

libfuzzer_sys::fuzz_target!(init: vm_fuzz::prepare(vm_fuzz::engine_differential), |data: &[u8]| vm_fuzz::engine_differential(data));
