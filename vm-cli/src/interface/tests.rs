use super::*;

const GOOD: &str = r#"{"name": "c", "functions": [
    {"name": "new", "kind": "init"},
    {"name": "look", "kind": "view", "returns": "bool"}
]}"#;

#[test]
fn r113_files_that_are_no_interface_are_refused_with_the_reason() {
    assert_eq!(parse(GOOD).unwrap().functions.len(), 2);
    let refused = |text: &str| parse(text).unwrap_err().to_string();
    assert!(refused("{").contains("line 1"));
    assert!(refused(&GOOD.replace("kind", "kinds")).contains("unknown field `kinds`"));
    assert!(refused(&GOOD.replace("\"view\"", "\"look\"")).contains("unknown variant `look`"));
    assert!(refused(&GOOD.replace("\"look\"", "\"new\"")).contains("twice"));
    assert!(refused(&GOOD.replace("\"look\"", "\"../look\"")).contains("is not a name"));
    let deep = format!("{}\"u8\"{}", "{\"option\":".repeat(500), "}".repeat(500));
    assert!(refused(&GOOD.replace("\"bool\"", &deep)).contains("recursion limit"));
}
