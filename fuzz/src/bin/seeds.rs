//! Writes the seeds of every target into `fuzz/corpus`. Files of other names stay as they are.

use std::io::Result;

fn main() -> Result<()> {
    for target in vm_fuzz::TARGETS {
        let folder = vm_fuzz::corpus(target);
        std::fs::create_dir_all(&folder)?;
        let seeds = (target.seeds)();
        for (name, bytes) in &seeds {
            std::fs::write(folder.join(name), bytes)?;
        }
        println!("{}: {} seeds", target.name, seeds.len());
    }
    Ok(())
}
