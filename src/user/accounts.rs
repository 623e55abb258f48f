//! The files that name users and groups, read by castoff itself: the C library of a static binary may ask a name service
//! that the image does not have.

use std::fs;
use std::path::Path;

/// What `/etc/passwd` and `/etc/group` hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accounts {
    users: Vec<Account>,
    groups: Vec<Group>,
    /// Castoff's own group, for a user that the files do not know.
    pub(super) own_gid: u32,
}

/// A line of `/etc/passwd`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) name: String,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) home: String,
}

/// A line of `/etc/group`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Group {
    name: String,
    gid: u32,
    members: Vec<String>,
}

impl Accounts {
    /// Reads both files; one that is missing or unreadable holds nothing, since ids need neither.
    pub fn of_this_system() -> Self {
        let text = |path: &str| fs::read(Path::new(path)).unwrap_or_default();
        Self::parse(
            &String::from_utf8_lossy(&text("/etc/passwd")),
            &String::from_utf8_lossy(&text("/etc/group")),
            nix::unistd::getgid().as_raw(),
        )
    }

    /// Reads their content. Lines that are none, such as those of NIS, are passed over.
    pub fn parse(passwd: &str, group: &str, own_gid: u32) -> Self {
        let users = passwd.lines().filter_map(|line| {
            let mut fields = line.trim().split(':');
            let name = fields.next()?.to_owned();
            let (uid, gid) = (id(fields.nth(1)?)?, id(fields.next()?)?);
            let home = fields.nth(1).unwrap_or_default().to_owned();
            Some(Account { name, uid, gid, home })
        });
        let groups = group.lines().filter_map(|line| {
            let mut fields = line.trim().split(':');
            let name = fields.next()?.to_owned();
            let gid = id(fields.nth(1)?)?;
            let members = fields.next().unwrap_or_default().split(',').map(str::to_owned).collect();
            Some(Group { name, gid, members })
        });
        Self { users: users.collect(), groups: groups.collect(), own_gid }
    }

    /// The first user of this name or, if it is a number, of this id.
    pub(super) fn user(&self, user: &str) -> Option<Account> {
        let found = match id(user) {
            Some(uid) => self.users.iter().find(|account| account.uid == uid),
            None => self.users.iter().find(|account| account.name == user),
        };
        found.cloned()
    }

    /// The id of the first group of this name; a number is one itself.
    pub(super) fn group(&self, group: &str) -> Option<u32> {
        id(group).or_else(|| self.groups.iter().find(|known| known.name == group).map(|known| known.gid))
    }

    /// The ids of all groups that name this user, in ascending order, each once.
    pub(super) fn groups_of(&self, user: &str) -> Vec<u32> {
        let naming = self.groups.iter().filter(|group| group.members.iter().any(|member| member == user));
        let mut ids: Vec<u32> = naming.map(|group| group.gid).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    pub(super) fn unknown_user(&self, user: &str) -> String {
        unknown("user", user, "/etc/passwd", self.users.is_empty())
    }

    pub(super) fn unknown_group(&self, group: &str) -> String {
        unknown("group", group, "/etc/group", self.groups.is_empty())
    }
}

/// A user's or group's number; the highest one means "leave it as it is" to the kernel and is nobody's.
pub(super) fn id(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|id| digits && *id != u32::MAX)
}

fn unknown(what: &str, name: &str, file: &str, empty: bool) -> String {
    let name = name.escape_debug();
    if empty {
        return format!(
            "there is no {what} `{name}`: this image has no {file}; write the number, as in 1000:1000"
        );
    }
    format!(
        "there is no {what} `{name}` in {file}; create it in the Dockerfile, or write the number, as in 1000:1000"
    )
}
