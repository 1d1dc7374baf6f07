//! libFuzzer's side of `vm_fuzz::scenario_parser`.
#![no_main]

libfuzzer_sys::fuzz_target!(init: vm_fuzz::prepare(vm_fuzz::scenario_parser), |data: &[u8]| vm_fuzz::scenario_parser(data));
