//! Becoming another user, as gosu does: the application and commands do not run as the root that castoff may be.
//!
//! Whom, is read from `/etc/passwd` and `/etc/group` while the configuration is. Whether the kernel lets us, is tried
//! out by a child before anything is waited for, since only the kernel knows: capabilities, user namespaces and seccomp
//! all have a say.

use std::ffi::CStr;
use std::io;

use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{AccessFlags, ForkResult, Pid, eaccess, fork};

use crate::exit::{Exit, Failure, Result};
pub use accounts::Accounts;

mod accounts;

/// Where a user without a home is at home (gosu's `setup-user.go`).
const NO_HOME: &str = "/";

/// What the child of [`User::try_out`] ends with if it became the user and may not execute the program; above every
/// error number.
const NOT_FOR_THEM: i32 = 255;

/// Whom to become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// As it was written: `app`, `1000:1000`.
    spec: String,
    uid: u32,
    gid: u32,
    /// Supplementary groups, in ascending order.
    groups: Vec<u32>,
    home: String,
}

impl User {
    /// Finds `USER[:GROUP]`, each a name or a number.
    ///
    /// As gosu does: a number is always an id, whether or not the files know it. With a group of its own a user has no
    /// other; without, all those that name the user. A user that the files do not know keeps castoff's group.
    ///
    /// # Errors
    ///
    /// What is wrong, without the place where it was written.
    pub fn look_up(spec: &str, accounts: &Accounts) -> Result<Self, String> {
        let (user, group) = spec.split_once(':').unwrap_or((spec, ""));
        if user.is_empty() || group.contains(':') {
            return Err(format!(
                "`{}` is not USER[:GROUP]; write for example app, app:app or 1000:1000",
                spec.escape_debug()
            ));
        }
        let known = accounts.user(user);
        let uid = match (&known, accounts::id(user)) {
            (Some(known), _) => known.uid,
            (None, Some(uid)) => uid,
            (None, None) => return Err(accounts.unknown_user(user)),
        };
        let (gid, groups) = if group.is_empty() {
            match &known {
                Some(known) => (known.gid, accounts.groups_of(&known.name)),
                None => (accounts.own_gid, Vec::new()),
            }
        } else {
            (accounts.group(group).ok_or_else(|| accounts.unknown_group(group))?, Vec::new())
        };
        let home = known.map(|known| known.home).filter(|home| !home.is_empty());
        let home = home.unwrap_or_else(|| NO_HOME.to_owned());
        Ok(Self { spec: spec.to_owned(), uid, gid, groups, home })
    }

    /// The user's home directory, for `HOME`.
    pub fn home(&self) -> &str {
        &self.home
    }

    /// Finds out whether the kernel lets us become the user, and whether they may execute the program. Nothing of
    /// this process changes.
    ///
    /// # Errors
    ///
    /// 77 where we lack the permission, 71 where the kernel refuses for another reason, 126 where the program is not
    /// theirs to execute.
    pub fn try_out(&self, program: Option<&CStr>) -> Result<()> {
        let mut change = self.change();
        let code = in_child(|| match change.make() {
            Err(error) => error.raw_os_error().unwrap_or(libc::EPERM),
            Ok(()) => match program.map(|program| eaccess(program, AccessFlags::X_OK)) {
                Some(Err(_)) => NOT_FOR_THEM,
                Some(Ok(())) | None => 0,
            },
        });
        match code {
            Ok(0) => Ok(()),
            Ok(NOT_FOR_THEM) => Err(self.not_for_them(program.unwrap_or_default())),
            Ok(errno) => Err(self.refused(&io::Error::from_raw_os_error(errno))),
            Err(error) => {
                let error = anyhow::Error::new(error).context(format!("cannot try to become {}", self.spec));
                Err(Failure::new(Exit::OsError, error))
            }
        }
    }

    /// Becomes the user for good. Only the calling thread: it comes before another is started, or right before exec,
    /// which ends them.
    ///
    /// # Errors
    ///
    /// As [`try_out`](Self::try_out).
    pub fn assume(&self) -> Result<()> {
        self.change().make().map_err(|error| self.refused(&error))
    }

    /// The change, prepared so that it can be made where nothing may be allocated.
    pub fn change(&self) -> Change {
        Change {
            uid: self.uid,
            gid: self.gid,
            groups: self.groups.clone(),
            found: vec![0; self.groups.len() + 1],
        }
    }

    /// Sends a process, or as a negative number its group, a signal: as the user where root lacks the capability to
    /// signal other users' processes (`cap_drop: ALL`). Whoever is gone has got it.
    ///
    /// # Errors
    ///
    /// The kernel's refusal.
    pub fn signal(user: Option<&Self>, target: Pid, signal: Signal) -> io::Result<()> {
        let send = || match kill(target, signal) {
            Ok(()) | Err(Errno::ESRCH) => 0,
            Err(errno) => errno as i32,
        };
        let code = match (send(), user) {
            (libc::EPERM, Some(user)) => {
                let mut change = user.change();
                in_child(|| match change.make() {
                    Ok(()) => send(),
                    Err(error) => error.raw_os_error().unwrap_or(libc::EPERM),
                })?
            }
            (code, _) => code,
        };
        if code == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(code)) }
    }

    fn refused(&self, error: &io::Error) -> Failure {
        let Self { spec, uid, gid, .. } = self;
        let ids = format!("uid {uid}, gid {gid}");
        let message = format!("cannot become {spec} ({ids}): {error}");
        match error.raw_os_error() {
            Some(libc::EPERM) => Failure::message(Exit::Refused, message).hint(
                "start the container as root with the capabilities SETUID and SETGID; where the image or the \
                 orchestrator already chooses the user (USER, runAsUser), leave --user (CASTOFF_USER) out",
            ),
            _ => Failure::message(Exit::OsError, message)
                .hint("does this container map these ids? See /proc/self/uid_map and /proc/self/gid_map"),
        }
    }

    fn not_for_them(&self, program: &CStr) -> Failure {
        let program = program.to_string_lossy();
        Failure::message(
            Exit::NotExecutable,
            format!("{program} was found, and {} (uid {}) may not execute it", self.spec, self.uid),
        )
        .hint(format!(
            "check its mode and that of the directories above it: chmod a+rx, or chown to {}",
            self.spec
        ))
    }
}

/// A change of user that is ready to be made between fork and exec.
pub struct Change {
    uid: u32,
    gid: u32,
    groups: Vec<u32>,
    /// Room for what the kernel says the groups are, and for one more.
    found: Vec<u32>,
}

impl Change {
    /// Makes the change for the calling thread: groups first, since whoever is no longer root cannot change them, and
    /// verifies it. Who is the user already needs no permission for it.
    ///
    /// Only system calls that are safe between fork and exec. The kernel's and not the C library's, which would signal
    /// every other thread to follow: a thread that hangs in a name look-up never would.
    ///
    /// # Errors
    ///
    /// The kernel's refusal.
    pub fn make(&mut self) -> io::Result<()> {
        if self.is_made() {
            return Ok(());
        }
        let Self { uid, gid, groups, .. } = self;
        let (uid, gid) = (*uid, *gid);
        // SAFETY: the pointer is to as many ids as the first argument says, and the kernel only reads them.
        let set = unsafe { libc::syscall(libc::SYS_setgroups, groups.len(), groups.as_ptr()) };
        if let Err(errno) = Errno::result(set) {
            return if self.is_made_but_for_own_group() { Ok(()) } else { Err(errno.into()) };
        }
        // SAFETY: both take numbers alone.
        unsafe {
            Errno::result(libc::syscall(libc::SYS_setresgid, gid, gid, gid))?;
            Errno::result(libc::syscall(libc::SYS_setresuid, uid, uid, uid))?;
        }
        if self.is_made() { Ok(()) } else { Err(Errno::EPERM.into()) }
    }

    /// Whether the calling thread is the user in every respect, so that there is no way back either.
    fn is_made(&mut self) -> bool {
        self.has_ids()
            && self.found_groups().is_some_and(|count| self.found.get(..count) == Some(&self.groups))
    }

    /// The same where the user's own group may be among the supplementary ones as well, as Docker and Kubernetes start a
    /// container: it is theirs either way.
    fn is_made_but_for_own_group(&mut self) -> bool {
        let Some(count) = self.found_groups().filter(|_| self.has_ids()) else { return false };
        let others = self.groups.iter().filter(|group| **group != self.gid);
        let found = self.found.get(..count).unwrap_or_default();
        found.iter().filter(|group| **group != self.gid).eq(others)
    }

    fn has_ids(&self) -> bool {
        let (mut uids, mut gids) = ([0_u32; 3], [0_u32; 3]);
        let [real_uid, effective_uid, saved_uid] = &mut uids;
        let [real_gid, effective_gid, saved_gid] = &mut gids;
        // SAFETY: every pointer is to memory of the right type that nobody else uses.
        let asked = unsafe {
            libc::getresuid(real_uid, effective_uid, saved_uid) == 0
                && libc::getresgid(real_gid, effective_gid, saved_gid) == 0
        };
        asked && uids == [self.uid; 3] && gids == [self.gid; 3]
    }

    /// Reads the groups into their room and says how many there are; `None` where it does not hold them.
    fn found_groups(&mut self) -> Option<usize> {
        let room = libc::c_int::try_from(self.found.len()).ok()?;
        // SAFETY: the pointer is to as much memory as the first argument says, which nobody else uses.
        usize::try_from(unsafe { libc::getgroups(room, self.found.as_mut_ptr()) }).ok()
    }
}

/// Runs a function in a child and gives back the code it ends with, from 0 to 255.
///
/// The function may only do what is safe after a fork in a process with several threads.
fn in_child(work: impl FnOnce() -> i32) -> io::Result<i32> {
    // SAFETY: the child runs `work`, which the callers in this file make of system calls alone, and ends without
    // unwinding or running anything of this process's.
    let child = match unsafe { fork() }? {
        ForkResult::Child => {
            let code = work();
            // SAFETY: ends this process at once.
            unsafe { libc::_exit(code) }
        }
        ForkResult::Parent { child } => child,
    };
    loop {
        match waitpid(child, None) {
            Ok(WaitStatus::Exited(_, code)) => return Ok(code),
            Ok(WaitStatus::Signaled(_, signal, _)) => {
                return Err(io::Error::other(format!("the child was killed by {signal}")));
            }
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

#[cfg(test)]
mod tests;
