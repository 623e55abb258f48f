use super::{Accounts, NO_HOME, User};
use crate::exit::Exit;

const PASSWD: &str = "\
root:x:0:0:root:/root:/bin/sh
app:x:1000:1001:The App,,,:/home/app:/usr/sbin/nologin
# no line
+::::::
app:x:2000:2000::/second:/bin/sh
homeless:x:3000:3000::
  padded:x:4000:4000::/padded:/bin/sh
";

const GROUP: &str = "\
root:x:0:
app:x:1001:
video:x:44:app,other
audio:x:29:other,app
also-audio:x:29:app
app2:x:99:apple
";

fn look_up(spec: &str) -> Result<User, String> {
    User::look_up(spec, &Accounts::parse(PASSWD, GROUP, 7))
}

fn ids(spec: &str) -> (u32, u32, Vec<u32>) {
    let user = look_up(spec).unwrap();
    (user.uid, user.gid, user.groups)
}

#[test]
fn a_user_has_the_group_of_passwd_and_all_that_name_them() {
    assert_eq!(ids("app"), (1000, 1001, vec![29, 44]));
    assert_eq!(look_up("app").unwrap().home(), "/home/app");
    assert_eq!(ids("root"), (0, 0, vec![]));
    assert_eq!(ids("padded"), (4000, 4000, vec![]));
}

#[test]
fn with_a_group_of_its_own_a_user_has_no_other() {
    assert_eq!(ids("app:video"), (1000, 44, vec![]));
    assert_eq!(ids("app:5"), (1000, 5, vec![]));
    assert_eq!(ids("1:2"), (1, 2, vec![]));
}

#[test]
fn a_number_is_an_id_whether_or_not_it_is_known() {
    assert_eq!(ids("1000"), (1000, 1001, vec![29, 44]));
    assert_eq!(look_up("1000").unwrap().home(), "/home/app");
    assert_eq!(ids("5555"), (5555, 7, vec![]));
    assert_eq!(look_up("5555").unwrap().home(), NO_HOME);
}

#[test]
fn a_user_without_a_home_is_at_home_in_the_root() {
    assert_eq!(look_up("homeless").unwrap().home(), NO_HOME);
}

#[test]
fn what_cannot_be_found_is_named() {
    for (spec, wanted) in [
        ("nobody-here", "no user `nobody-here`"),
        ("app:none", "no group `none`"),
        ("", "is not USER[:GROUP]"),
        (":app", "is not USER[:GROUP]"),
        ("a:b:c", "is not USER[:GROUP]"),
        // The kernel's "leave it as it is", and what is no id any more.
        ("4294967295", "no user `4294967295`"),
        ("app:99999999999", "no group `99999999999`"),
        ("-1", "no user `-1`"),
    ] {
        let mistake = look_up(spec).unwrap_err();
        assert!(mistake.contains(wanted), "{spec}: {mistake}");
    }
    let empty = Accounts::parse("", "", 0);
    assert!(User::look_up("app", &empty).unwrap_err().contains("has no /etc/passwd"));
}

#[test]
fn who_is_the_user_already_needs_no_permission() {
    let own = (nix::unistd::getuid().as_raw(), nix::unistd::getgid().as_raw());
    let groups = nix::unistd::getgroups().unwrap().iter().map(|gid| gid.as_raw()).collect();
    let user = User { spec: "me".into(), uid: own.0, gid: own.1, groups, home: "/".into() };
    assert!(user.change().is_made());
    assert!(user.assume().is_ok());
    let other = User { groups: vec![54_321], ..user };
    assert!(!other.change().is_made());
}

#[test]
fn trying_out_changes_nothing_here() {
    let before = nix::unistd::getuid();
    let user = look_up("5555:5555").unwrap();
    let result = user.try_out(Some(c"/bin/sh"));
    assert_eq!(nix::unistd::getuid(), before);
    if before.is_root() {
        assert!(result.is_ok(), "{result:?}");
        let directory = tempfile::tempdir().unwrap();
        let program = directory.path().join("program");
        std::fs::copy("/bin/true", &program).unwrap();
        std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
        let program = std::ffi::CString::new(program.to_str().unwrap()).unwrap();
        assert_eq!(user.try_out(Some(&program)).unwrap_err().exit, Exit::NotExecutable);
    } else {
        assert_eq!(result.unwrap_err().exit, Exit::Refused);
    }
}
