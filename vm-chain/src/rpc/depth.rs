//! Reads JSON that is deeper than serde_json's own limit of 128 levels: the trace of a deep call is.
//!
//! Invariants:
//! - no text makes the program run out of stack: its depth is counted before it is parsed, and a deep one is parsed on a
//!   thread whose stack fits [`DEPTH_MAX`] levels;
//! - what serde_json takes by itself is parsed where it stands.

use serde::de::DeserializeOwned;

/// The most levels of a text. A call is three levels, so calls 330 deep can be read, five times what chains allow unless
/// they are told otherwise. Not more, since what is read is also shown and dropped level by level, on the stack of whoever
/// asked.
pub(super) const DEPTH_MAX: usize = 1_024;

/// What serde_json reads by itself.
const DEPTH_ORDINARY: usize = 127;

/// The stack for [`DEPTH_MAX`] levels: 64 KiB for each, several times what a build without optimisation takes. The
/// system backs only what is used.
const STACK_BYTES: usize = DEPTH_MAX * (64 << 10);

/// Why a text is not read.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    /// It has too many levels.
    #[error("it has more than {DEPTH_MAX} levels")]
    Depth,
    /// It is not what is expected.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// The system gives no thread to parse it on.
    #[error("no thread to read it on: {0}")]
    Thread(std::io::Error),
}

/// How many lists and objects of `text`, which is JSON, stand in each other at most.
fn depth(text: &str) -> usize {
    let (mut depth, mut most) = (0_usize, 0_usize);
    let mut bytes = text.bytes();
    let mut quoted = false;
    while let Some(byte) = bytes.next() {
        match (byte, quoted) {
            // What is escaped ends no string.
            (b'\\', true) => drop(bytes.next()),
            (b'"', _) => quoted = !quoted,
            (b'[' | b'{', false) => {
                depth = depth.saturating_add(1);
                most = most.max(depth);
            }
            (b']' | b'}', false) => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    most
}

fn parse<T: DeserializeOwned>(text: &str) -> Result<T, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    deserializer.disable_recursion_limit();
    let value = T::deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

/// Reads a value.
///
/// # Errors
///
/// [`ReadError`].
pub(super) fn read<T: DeserializeOwned + Send>(text: &str) -> Result<T, ReadError> {
    match depth(text) {
        levels if levels <= DEPTH_ORDINARY => Ok(serde_json::from_str(text)?),
        levels if levels <= DEPTH_MAX => std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().name("vm-json".to_owned()).stack_size(STACK_BYTES);
            let thread = thread.spawn_scoped(scope, || parse(text)).map_err(ReadError::Thread)?;
            match thread.join() {
                Ok(value) => Ok(value?),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }),
        _ => Err(ReadError::Depth),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::trace::{FrameInfo, StepInfo};
    use serde_json::{Value, json};

    #[test]
    fn depth_is_counted_outside_strings() {
        for (text, levels) in
            [("7", 0), ("[]", 1), (r#"[{"a":[1]},[[]]]"#, 3), (r#"["[[[", "\"[[", "\\", [1]]"#, 2)]
        {
            assert_eq!(depth(text), levels, "{text}");
        }
    }

    #[test]
    fn every_depth_up_to_the_limit_is_read_and_none_beyond() {
        let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        for levels in [1, 127, 128, 129, DEPTH_MAX] {
            let value: Value = read(&nested(levels)).unwrap();
            assert_eq!(value.to_string(), nested(levels));
        }
        assert!(matches!(read::<Value>(&nested(DEPTH_MAX + 1)), Err(ReadError::Depth)));
        assert!(matches!(read::<Value>(&(nested(200) + "x")), Err(ReadError::Json(_))));
        assert!(matches!(read::<Vec<u8>>(&nested(200)), Err(ReadError::Json(_))));
    }

    #[test]
    fn a_trace_of_calls_330_deep_is_read() {
        let id = format!("0x{}", "11".repeat(32));
        let frame = json!({
            "kind": "call", "depth": 0, "caller": id, "contract": id, "name": "c", "function": "f", "args": {},
            "raw_args": "0x", "value": "0", "gas_granted": 1, "gas_used": 1, "status": "success", "error": null,
            "returns": null, "output": "0x", "detail": null, "steps": [],
        });
        let one = frame.to_string();
        let (before, after) = one.split_once(r#""steps":[]"#).unwrap();
        let open = format!(r#"{before}"steps":[{{"frame":"#);
        let text = open.repeat(329) + &one + &format!("}}]{after}").repeat(329);
        let mut frame: FrameInfo = read(&text).unwrap();
        let mut frames = 1;
        while let Some(StepInfo::Frame(inner)) = frame.steps.pop() {
            frame = *inner;
            frames += 1;
        }
        assert_eq!(frames, 330);
    }
}
