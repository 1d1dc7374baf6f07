;; What a compiler for WASI makes of a program that ends itself.
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (func (export "stop") (call $exit (i32.const 0))))
