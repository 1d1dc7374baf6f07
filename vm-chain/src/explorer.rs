//! The page that `vm devnet --explorer` serves: static files, built into the program, that read the node's JSON-RPC.
//!
//! No build step, no other host: the browser runs what stands in `explorer/`. The page shows what contracts and senders
//! wrote; it sets text as text only, and [`POLICY`] lets nothing run or load from elsewhere.

/// A file of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct File {
    /// Its path on the server.
    pub path: &'static str,
    /// Its media type.
    pub media_type: &'static str,
    /// Its text.
    pub text: &'static str,
}

macro_rules! files {
    ($($path:literal: $file:literal, $media_type:literal;)+) => {
        /// All files of the page.
        pub const FILES: &[File] = &[$(File {
            path: $path,
            media_type: $media_type,
            text: include_str!(concat!("explorer/", $file)),
        },)+];
    };
}

files! {
    "/": "index.html", "text/html; charset=utf-8";
    "/style.css": "style.css", "text/css; charset=utf-8";
    "/app.js": "app.js", "text/javascript; charset=utf-8";
    "/dom.js": "dom.js", "text/javascript; charset=utf-8";
    "/form.js": "form.js", "text/javascript; charset=utf-8";
    "/rpc.js": "rpc.js", "text/javascript; charset=utf-8";
    "/trace.js": "trace.js", "text/javascript; charset=utf-8";
}

/// The `Content-Security-Policy` that every file is served with.
pub const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The file at `path`.
#[must_use]
pub fn file(path: &str) -> Option<&'static File> {
    FILES.iter().find(|file| file.path == path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_that_the_page_names_is_served() {
        for file in FILES {
            for (marker, end) in [("from \"./", '"'), ("src=\"/", '"'), ("href=\"/", '"')] {
                for (_, rest) in
                    file.text.match_indices(marker).map(|(at, _)| file.text.split_at(at + marker.len()))
                {
                    let name = rest.split(end).next().unwrap();
                    assert!(super::file(&format!("/{name}")).is_some(), "{} names {name}", file.path);
                }
            }
        }
    }

    #[test]
    fn what_contracts_wrote_is_never_taken_as_html() {
        for file in FILES {
            for way in [
                "innerHTML",
                "outerHTML",
                "insertAdjacentHTML",
                "document.write",
                "eval(",
                "http://",
                "https://",
            ] {
                assert!(!file.text.contains(way), "{} has {way}", file.path);
            }
        }
    }
}
