//! The HTTP around a body: mostly what a client sends, now and then another method, place, site or type.

use arbitrary::{Result, Unstructured};
use http::Request;

use super::node::REQUEST_BYTES;

const METHODS: [&str; 8] = ["POST", "GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW"];
/// What a node has without a page, and what it has not.
const PATHS: [&str; 8] = ["/", "/health", "/metrics", "/openrpc.json", "/?a=b", "/rpc", "//", "/health/"];
/// `Host`, `Origin`, and whether a node on loopback answers.
const SITES: [(Option<&str>, Option<&str>, bool); 12] = [
    (Some("localhost"), None, true),
    (Some("127.0.0.1:8600"), None, true),
    (Some("[::1]:1"), None, true),
    (Some("LOCALHOST:8600"), Some("http://localhost:8600"), true),
    (Some("localhost"), Some("https://localhost:443"), true),
    (None, None, false),
    (Some(""), None, false),
    (Some("example.org"), None, false),
    (Some("localhost.example.org:8600"), None, false),
    (Some("localhost"), Some("http://example.org"), false),
    (Some("localhost:8600"), Some("http://localhost:8601"), false),
    (Some("localhost"), Some("null"), false),
];
/// Types, and whether they are of JSON-RPC.
const TYPES: [(Option<&str>, bool); 6] = [
    (Some("application/json"), true),
    (Some("application/json; charset=utf-8"), true),
    (None, false),
    (Some("text/plain"), false),
    (Some("application/x-www-form-urlencoded"), false),
    (Some("application/json, text/plain"), false),
];

/// A request without its body.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Shape {
    method: usize,
    path: usize,
    site: usize,
    media_type: usize,
}

impl Shape {
    /// Mostly what a client sends.
    pub(super) fn choose(u: &mut Unstructured<'_>) -> Result<Self> {
        let mut shape = Self::default();
        if u.int_in_range(0..=31u8)? == 31 {
            // Of four parts one or two are strange: the first that is decides.
            for _ in 0..u.int_in_range(1..=2u8)? {
                match u.int_in_range(0..=3u8)? {
                    0 => shape.method = u.int_in_range(0..=METHODS.len() - 1)?,
                    1 => shape.path = u.int_in_range(0..=PATHS.len() - 1)?,
                    2 => shape.site = u.int_in_range(0..=SITES.len() - 1)?,
                    _ => shape.media_type = u.int_in_range(0..=TYPES.len() - 1)?,
                }
            }
        }
        Ok(shape)
    }

    #[cfg(test)]
    pub(super) fn all() -> impl Iterator<Item = Self> {
        let sites = || (0..SITES.len()).flat_map(|site| (0..TYPES.len()).map(move |it| (site, it)));
        let places = (0..METHODS.len()).flat_map(|method| (0..PATHS.len()).map(move |path| (method, path)));
        places.flat_map(move |(method, path)| {
            sites().map(move |(site, media_type)| Self { method, path, site, media_type })
        })
    }

    pub(super) fn request(&self, body: Vec<u8>) -> Request<Vec<u8>> {
        let (host, origin, _) = SITES[self.site];
        let mut request = Request::builder().method(METHODS[self.method]).uri(PATHS[self.path]);
        for (name, value) in [("host", host), ("origin", origin), ("content-type", TYPES[self.media_type].0)]
        {
            if let Some(value) = value {
                request = request.header(name, value);
            }
        }
        request.body(body).unwrap()
    }

    /// The status that HTTP answers a body of `bytes` with; none where JSON-RPC answers, and where it says that the body is
    /// too long.
    pub(super) fn status(&self, bytes: usize) -> Option<u16> {
        let (method, path) = (METHODS[self.method], PATHS[self.path].split('?').next().unwrap());
        let is_for_reading = ["/health", "/metrics", "/openrpc.json"].contains(&path);
        Some(match (method, path) {
            _ if !SITES[self.site].2 => 403,
            ("POST", "/") if bytes > REQUEST_BYTES || TYPES[self.media_type].1 => return None,
            ("POST", "/") => 415,
            ("GET", _) if is_for_reading => 200,
            ("GET", _) => 404,
            (_, "/") => 405,
            _ if is_for_reading => 405,
            _ => 404,
        })
    }
}
