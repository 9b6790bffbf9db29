use serde_json::json;

use super::*;

fn read(bytes: &[u8], limit: usize) -> Vec<(u64, Result<Value, String>)> {
    let mut reader = ImportReader::new(bytes, ImportFormat::Guessed, limit).expect("readable");
    let mut rows = Vec::new();
    while let Some(row) = reader.next_row().expect("readable") {
        let read = row.read.map(|cells| match cells {
            Cells::Csv(values) => json!(values),
            Cells::Json(members) => Value::Object(members),
        });
        rows.push((row.line, read));
    }
    assert_eq!(reader.bytes(), u64::try_from(bytes.len()).expect("small"), "everything was read");
    rows
}

/// Lines that are right, as values; of the others, their number and a part of what is told.
#[track_caller]
fn check(text: impl AsRef<[u8]>, expected: &[(u64, Result<Value, &str>)]) {
    let rows = read(text.as_ref(), 1000);
    assert_eq!(rows.len(), expected.len(), "{rows:?}");
    for ((line, read), (number, wanted)) in rows.iter().zip(expected) {
        match (read, wanted) {
            (Ok(values), Ok(wanted)) => assert_eq!((line, values), (number, wanted)),
            (Err(reason), Err(part)) => assert!(line == number && reason.contains(part), "{line}: {reason}"),
            _ => panic!("{line}: {read:?} is not {wanted:?}"),
        }
    }
}

#[test]
fn csv_with_and_without_a_mark() {
    let expected =
        [(2, Ok(json!(["ada", "a@x.example"]))), (3, Ok(json!(["gr,ace", ""]))), (5, Ok(json!(["lin"])))];
    let text = "UserName, Email\nada,a@x.example\n\"gr,ace\",\n\nlin";
    check(text, &expected);
    check(format!("\u{feff}{text}"), &expected);
    check(text.replace('\n', "\r\n"), &expected);
    check(text.replace(',', ";").replace("gr;ace", "gr,ace"), &expected);
    check(text.replace(", ", ",").replace(',', "\t").replace("gr\tace", "gr,ace"), &expected);
}

#[test]
fn json_lines() {
    check(
        "\n {\"UserName\":\"ada\"}\n\n[1]\n{\"UserName\":\n{\"a\":1}",
        &[
            (2, Ok(json!({ "UserName": "ada" }))),
            (4, Err("object")),
            (5, Err("JSON")),
            (6, Ok(json!({ "a": 1 }))),
        ],
    );
}

#[test]
fn quoted_line_breaks_count() {
    check(
        "a,b\n\"x\ny\",1\nz,2\n\"\r\n\r\n\",3\nw,4\n",
        &[
            (2, Ok(json!(["x\ny", "1"]))),
            (4, Ok(json!(["z", "2"]))),
            (5, Ok(json!(["", "3"]))),
            (8, Ok(json!(["w", "4"]))),
        ],
    );
}

#[test]
fn stray_quotes_cost_their_own_line() {
    check(
        "a,b\n\"x,1\ny,2\nz,3\n",
        &[(2, Err("never closed")), (3, Ok(json!(["y", "2"]))), (4, Ok(json!(["z", "3"])))],
    );
    check(
        "a,b\n\"x\"y,1\n\"u,1\n\"v\",2\n",
        &[(2, Err("closing quote")), (3, Err("closing quote")), (4, Ok(json!(["v", "2"])))],
    );
    let far = format!("a,b\n\"x,1\n{}z,3\n", "y,2\n".repeat(400));
    assert_eq!(read(far.as_bytes(), 1000).len(), 402);
}

#[test]
fn long_lines_are_left_out() {
    let long = "x".repeat(5000);
    check(format!("a,b\n{long},1\ny,2\n"), &[(2, Err("longer than")), (3, Ok(json!(["y", "2"])))]);
    check(
        format!("{{\"a\":\"{long}\"}}\n{{\"a\":1}}"),
        &[(1, Err("longer than")), (2, Ok(json!({ "a": 1 })))],
    );
    check(format!("a\ny\n{long}"), &[(2, Ok(json!(["y"]))), (3, Err("longer than"))]);
    check(format!("a,b\n\"{long}\",1\ny,2\n"), &[(2, Err("longer than")), (3, Ok(json!(["y", "2"])))]);
}

#[test]
fn other_encodings_are_refused_line_by_line() {
    check(b"a\nJ\xfcrgen\nada\n", &[(2, Err("0xfc")), (3, Ok(json!(["ada"])))]);
    check(b"a\n\0a\0d\nada\n", &[(2, Err("NUL")), (3, Ok(json!(["ada"])))]);
    check(b"{\"a\":\"\xe9\"}\n{\"a\":1}", &[(1, Err("0xe9")), (2, Ok(json!({ "a": 1 })))]);
    for whole in [&b"\xff\xfea\0"[..], b"\xfe\xff\0a", b"U\0s\0e\0r\0\n\0", b"", b"\n\n", b",,\nx"] {
        assert!(ImportReader::new(whole, ImportFormat::Guessed, 1000).is_err(), "{whole:?}");
    }
}

#[test]
fn more_values_than_columns() {
    check("a\nx,y\nz,\n", &[(2, Err("1 columns")), (3, Ok(json!(["z", ""])))]);
    assert_eq!(read(b"UserName\n", 1000), []);
}
