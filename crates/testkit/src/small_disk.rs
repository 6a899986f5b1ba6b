//! A small disk of its own for one folder, which can be filled up and made read-only: a tmpfs in a mount
//! namespace that a process of ours holds. Nothing is left mounted when that process ends.

use std::{
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// The disk. Programs that are to see it are started with [`SmallDisk::command`].
pub struct SmallDisk {
    holder: Child,
    at: PathBuf,
    /// The holder is in a user namespace too: the test is not run as root.
    user: bool,
}

impl SmallDisk {
    /// One of `mib` MiB at `at`, which is made. `None`, said aloud, where the system does not allow it.
    pub fn new(at: &Path, mib: u32) -> Option<Self> {
        std::fs::create_dir_all(at).unwrap();
        let script = format!("mount -t tmpfs -o size={mib}m tmpfs \"$0\" && echo ready && exec cat");
        for user in [false, true] {
            let mut command = Command::new("unshare");
            command.arg("--mount").args(user.then_some("--user")).args(user.then_some("--map-root-user"));
            command.args(["sh", "-c", &script]).arg(at).stdin(Stdio::piped()).stdout(Stdio::piped());
            let Ok(mut holder) = command.stderr(Stdio::null()).spawn() else { continue };
            let mut line = String::new();
            BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line).unwrap();
            if line == "ready\n" {
                return Some(Self { holder, at: at.canonicalize().unwrap(), user });
            }
            holder.wait().unwrap();
        }
        eprintln!("SKIPPED: no small disk can be mounted here (unshare --mount, mount -t tmpfs)");
        None
    }

    /// A command that runs `program` in `dir` where the disk is.
    pub fn command(&self, program: &Path, dir: &Path) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--target={}", self.holder.id())).arg("--mount");
        command.args(self.user.then_some("--user")).args(self.user.then_some("--preserve-credentials"));
        // Entering a mount namespace would leave the working folder behind.
        command.arg(format!("--wdns={}", dir.display())).arg(program);
        command
    }

    /// A file on the disk, as it is seen from outside.
    fn outside(&self, name: &str) -> PathBuf {
        let inside = self.at.strip_prefix("/").unwrap_or(&self.at).join(name);
        Path::new(&format!("/proc/{}/root", self.holder.id())).join(inside)
    }

    /// Takes all the space there is.
    pub fn fill(&self) {
        let mut filler = std::fs::File::create(self.outside("filler")).unwrap();
        let block = vec![b'x'; 64 << 10];
        while filler.write_all(&block).is_ok() {}
    }

    /// Gives it back.
    pub fn free(&self) {
        std::fs::remove_file(self.outside("filler")).unwrap();
    }

    /// Makes it read-only, or writable again. Files that are open stay as they were, as after `chmod`: the kernel
    /// makes nothing read-only that is open for writing, so a read-only view is laid over it.
    pub fn set_read_only(&self, read_only: bool) {
        let mount = |program: &str, args: &[&str]| {
            let mut command = self.command(Path::new(program), Path::new("/"));
            let ended = command.args(args).arg(&self.at).output().unwrap();
            assert!(ended.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&ended.stderr));
        };
        if read_only {
            mount("mount", &["--bind", &self.at.to_string_lossy()]);
            mount("mount", &["-o", "remount,bind,ro"]);
        } else {
            mount("umount", &[]);
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // With it goes the namespace, and with that the disk.
        let _gone = self.holder.kill();
        let _gone = self.holder.wait();
    }
}
