//! Files that the program writes: opened before the first cycle, written beside their place, and
//! renamed into it when they are whole. Whatever goes wrong, no half-written file stays.

use std::{
    fs,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use tempfile::{Builder, NamedTempFile};

use crate::exit::Failure;

/// A file in the making.
#[derive(Debug)]
pub(crate) struct Staged {
    file: BufWriter<NamedTempFile>,
    place: PathBuf,
}

impl Staged {
    /// Opens a file that will be at `place` once it is committed.
    pub(crate) fn create(place: &Path) -> Result<Self, Failure> {
        Self::open(place).map_err(|error| cannot_write(place, &error))
    }

    fn open(place: &Path) -> io::Result<Self> {
        if place.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let folder = match place.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let mut builder = Builder::new();
        builder.prefix(".tamis-").suffix(".part");
        #[cfg(unix)]
        builder.permissions(readable_by_all());
        let file = builder.tempfile_in(folder).map_err(|error| no_file_in(folder, &error))?;
        let file = BufWriter::new(file);
        Ok(Self { file, place: place.to_path_buf() })
    }

    /// Fills the file and puts it in its place.
    pub(crate) fn commit(
        self,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), Failure> {
        self.fill(write)?.put_in_place()
    }

    /// Fills the file, which stays beside its place.
    fn fill(
        mut self,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<Filled, Failure> {
        let finished = write(&mut self.file).and_then(|()| self.file.flush());
        finished.map_err(|error| cannot_write(&self.place, &error))?;
        let file =
            self.file.into_inner().map_err(|error| cannot_write(&self.place, error.error()))?;
        Ok(Filled { file, place: self.place })
    }
}

/// A file that is whole, and not yet in its place.
#[derive(Debug)]
struct Filled {
    file: NamedTempFile,
    place: PathBuf,
}

impl Filled {
    fn put_in_place(self) -> Result<(), Failure> {
        let Self { file, place } = self;
        file.persist(&place).map_err(|error| cannot_write(&place, &error.error))?;
        Ok(())
    }
}

/// A folder for results. If the run fails, a folder that was made for it goes away again.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    remove_on_drop: bool,
}

impl Folder {
    /// Makes the folder if it is not there.
    pub(crate) fn create(path: &Path) -> Result<Self, Failure> {
        let is_new = !path.exists();
        if path.exists() && !path.is_dir() {
            return Err(cannot_write(
                path,
                &io::Error::other("it must be a folder, and is a file"),
            ));
        }
        let made = fs::create_dir_all(path).map_err(|error| {
            io::Error::new(error.kind(), format!("the folder cannot be made: {error}"))
        });
        made.map_err(|error| cannot_write(path, &error))?;
        Ok(Self { path: path.to_path_buf(), remove_on_drop: is_new })
    }

    /// Opens a file in it.
    pub(crate) fn file(&self, name: &str) -> Result<Staged, Failure> {
        Staged::create(&self.path.join(name))
    }

    /// Writes files of these names and texts. None is put in its place before all are whole.
    pub(crate) fn write(self, files: &[(&str, String)]) -> Result<(), Failure> {
        let fill = |(name, text): &(&str, String)| {
            self.file(name)?.fill(|out| out.write_all(text.as_bytes()))
        };
        let filled = files.iter().map(fill).collect::<Result<Vec<Filled>, Failure>>()?;
        filled.into_iter().try_for_each(Filled::put_in_place)?;
        self.keep();
        Ok(())
    }

    /// The folder has what it was made for.
    pub(crate) fn keep(mut self) {
        self.remove_on_drop = false;
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.remove_on_drop {
            // Only an empty folder goes; if that fails there is nothing better to do.
            let _ = fs::remove_dir(&self.path);
        }
    }
}

fn cannot_write(place: &Path, error: &io::Error) -> Failure {
    Failure::writing(format_args!("`{}`", place.display()), error)
}

/// Why a folder takes no file. `tempfile` adds its own random path to an error, which is not what the
/// user asked for.
fn no_file_in(folder: &Path, error: &io::Error) -> io::Error {
    let reason = if folder.is_dir() {
        format!("its folder takes no new file: {}", error.kind())
    } else {
        "its folder is not there".to_owned()
    };
    io::Error::new(error.kind(), reason)
}

/// What `File::create` would ask for; the umask takes away from it.
#[cfg(unix)]
fn readable_by_all() -> fs::Permissions {
    use std::os::unix::fs::PermissionsExt;
    fs::Permissions::from_mode(0o666)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("the folder is there");
        let name = |entry: io::Result<fs::DirEntry>| {
            entry.expect("readable").file_name().to_string_lossy().into_owned()
        };
        entries.map(name).collect()
    }

    #[test]
    fn a_file_appears_whole_or_not_at_all() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = folder.path().join("report.json");

        let failed = Staged::create(&place).expect("writable").commit(|out| {
            out.write_all(b"half")?;
            Err(io::ErrorKind::StorageFull.into())
        });
        assert_eq!(failed.expect_err("the write failed").exit, Exit::Environment);
        assert_eq!(names(folder.path()), Vec::<String>::new());

        let staged = Staged::create(&place).expect("writable");
        staged.commit(|out| out.write_all(b"whole")).expect("nothing is in the way");
        assert_eq!(names(folder.path()), ["report.json"]);
        assert_eq!(fs::read(&place).expect("readable"), b"whole");
    }

    #[test]
    fn a_place_that_cannot_be_written_is_known_when_it_is_opened() {
        let folder = tempfile::tempdir().expect("a folder");
        let missing = folder.path().join("no").join("report.json");
        let failure = Staged::create(&missing).expect_err("its folder is not there");
        assert_eq!(failure.exit, Exit::Environment);
        assert!(failure.message.starts_with("cannot write `"), "{}", failure.message);
        assert!(
            failure.message.ends_with("report.json`: its folder is not there"),
            "{}",
            failure.message
        );

        let failure = Staged::create(folder.path()).expect_err("a folder is not a file");
        assert!(failure.message.contains("is a directory"), "{}", failure.message);
    }

    #[test]
    fn a_folder_made_for_a_run_that_fails_goes_away() {
        let root = tempfile::tempdir().expect("a folder");
        let path = root.path().join("results");
        let folder = Folder::create(&path).expect("writable");
        let staged = folder.file("summary.json").expect("writable");
        drop(staged);
        drop(folder);
        assert!(!path.exists());

        let folder = Folder::create(&path).expect("writable");
        folder.keep();
        assert!(path.exists());
    }

    #[test]
    fn a_folder_that_was_there_before_stays() {
        let root = tempfile::tempdir().expect("a folder");
        drop(Folder::create(root.path()).expect("writable"));
        assert!(root.path().exists());
    }
}
