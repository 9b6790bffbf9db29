//! Files: who may read and change those of the data, and what stands in one of a secret.

use std::io::Read as _;
use std::path::Path;

use zeroize::Zeroizing;

/// The text of a file that holds a secret, without the end of its line; at most so many bytes.
///
/// # Errors
/// Why it cannot be read, and what belongs there.
pub(crate) fn secret_line(path: &Path, max_bytes: u64) -> Result<Zeroizing<String>, String> {
    let mut text = Zeroizing::new(String::new());
    let read = std::fs::File::open(path).and_then(|file| file.take(max_bytes + 1).read_to_string(&mut text));
    read.map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let line = text.trim_end_matches(['\r', '\n']);
    if line.is_empty() || text.len() as u64 > max_bytes || line.contains(['\r', '\n']) {
        return Err(format!("{} must hold one line, the secret itself", path.display()));
    }
    Ok(Zeroizing::new(line.to_owned()))
}

/// Warns where others than the server's user may read the database, or put another file in its place.
#[cfg(unix)]
pub(crate) fn warn_where_open(database: &Path) {
    for warning in warnings(database) {
        log::warn!("{warning}");
    }
}

#[cfg(not(unix))]
pub(crate) fn warn_where_open(_: &Path) {}

#[cfg(unix)]
fn warnings(database: &Path) -> Vec<String> {
    use std::os::unix::fs::MetadataExt as _;

    let mode = |path: &Path| std::fs::metadata(path).ok().map(|metadata| metadata.mode() & 0o7777);
    let folder = match database.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut warnings = Vec::new();
    if let Some(mode) = mode(database).filter(|mode| mode & 0o077 != 0) {
        let path = database.display();
        warnings.push(format!(
            "the database {path} is open to others (mode {mode:03o}); close it: chmod 600 {path}"
        ));
    }
    // In a folder with the sticky bit, such as /tmp, nobody may replace what is another's.
    if let Some(mode) = mode(folder).filter(|mode| mode & 0o022 != 0 && mode & 0o1000 == 0) {
        let path = folder.display();
        warnings.push(format!(
            "others may replace the database, as they may write to its folder {path} (mode {mode:03o}); close it: chmod 700 {path}"
        ));
    }
    warnings
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_secret_is_the_one_line_of_its_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("secret");
        let check = |text: &str, expected: Option<&str>| {
            std::fs::write(&file, text).expect("written");
            let read = secret_line(&file, 10).map(|line| line.to_string());
            assert_eq!(read.as_deref().ok(), expected, "{read:?}");
        };
        check("pass word", Some("pass word"));
        check("p\r\n", Some("p"));
        check("", None);
        check("\n", None);
        check("one\ntwo\n", None);
        check("01234567890", None);
        let told = secret_line(&folder.path().join("none"), 10).expect_err("refused");
        assert!(told.starts_with("cannot read"), "{told}");
    }

    #[test]
    fn what_is_open_to_others_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("rollcall.db");
        std::fs::write(&file, "").expect("written");
        let check = |of_folder: u32, of_file: u32, expected: &[&str]| {
            for (path, mode) in [(folder.path(), of_folder), (&file, of_file)] {
                std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("set");
            }
            let told = warnings(&file);
            assert_eq!(told.len(), expected.len(), "{told:?}");
            assert!(told.iter().zip(expected).all(|(told, expected)| told.contains(expected)), "{told:?}");
        };
        check(0o700, 0o600, &[]);
        check(0o755, 0o644, &["chmod 600"]);
        check(0o777, 0o600, &["chmod 700"]);
        check(0o1777, 0o600, &[]);
        check(0o770, 0o660, &["chmod 600", "chmod 700"]);
    }
}
