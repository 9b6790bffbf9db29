//! Who may read and change the files of the data.

use std::path::Path;

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
