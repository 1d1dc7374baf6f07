//! Reading files that people and other files name.
//!
//! Invariants:
//! - no more is read than the limit and a byte: what the system says of a file's length is not believed, since devices and
//!   files that grow say too little;
//! - a file that an input names, and not the user at the command line, is a regular one when it is asked: a pipe would be
//!   waited for. Whoever can swap files in the user's folders between two calls is not kept out.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// The longest module that is read: many times what a chain can be told to take.
pub(crate) const MODULE_BYTES_MAX: u64 = 64 << 20;
/// The longest text that is read: an interface, names, recorded gas.
pub(crate) const TEXT_BYTES_MAX: u64 = 16 << 20;

fn invalid(reason: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

fn text(bytes: Vec<u8>) -> io::Result<String> {
    String::from_utf8(bytes).map_err(|_| invalid("it is not text in UTF-8".to_owned()))
}

/// The bytes of the file at `path`, which may be a pipe too.
///
/// # Errors
///
/// Those of the file system; more than `most` bytes are invalid data.
pub(crate) fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > most {
        return Err(invalid(format!("it has more than {most} bytes")));
    }
    Ok(bytes)
}

/// The same, as text.
///
/// # Errors
///
/// As [`read`]; what is not UTF-8 is invalid data.
pub(crate) fn read_text(path: &Path, most: u64) -> io::Result<String> {
    text(read(path, most)?)
}

/// As [`read`], of a regular file.
///
/// # Errors
///
/// As [`read`]; another kind of file is invalid data, and is not opened.
pub(crate) fn read_regular(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(invalid("it is no regular file".to_owned()));
    }
    read(path, most)
}

/// The same, as text.
///
/// # Errors
///
/// As [`read_regular`]; what is not UTF-8 is invalid data.
pub(crate) fn read_regular_text(path: &Path, most: u64) -> io::Result<String> {
    text(read_regular(path, most)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_bytes_as_allowed_are_read_and_not_one_more() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "12345").unwrap();
        for read in [read, read_regular] {
            assert_eq!(read(file.path(), 5).unwrap(), b"12345");
            let error = read(file.path(), 4).unwrap_err();
            assert_eq!(error.to_string(), "it has more than 4 bytes");
        }
        assert_eq!(read_text(file.path(), 5).unwrap(), "12345");
        std::fs::write(file.path(), [0xff]).unwrap();
        assert_eq!(read_text(file.path(), 5).unwrap_err().to_string(), "it is not text in UTF-8");
    }

    #[cfg(unix)]
    #[test]
    fn a_file_without_end_ends_at_the_limit() {
        let zeros = Path::new("/dev/zero");
        assert_eq!(read(zeros, 1_000).unwrap_err().to_string(), "it has more than 1000 bytes");
        assert_eq!(read_regular(zeros, 1_000).unwrap_err().to_string(), "it is no regular file");
        assert_eq!(read_regular(Path::new("/"), 1_000).unwrap_err().to_string(), "it is no regular file");
    }
}
