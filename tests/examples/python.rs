//! What stands for the public images of Python and of the AWS CLI.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::bases::digest;
use crate::docker::{docker, succeeds};
use crate::harness::{Scratch, missing};
use crate::image;

/// Where an interpreter and its libraries are.
const WHERE: &str = "import os, sys, sysconfig
print(os.path.realpath(sys.executable), sysconfig.get_path('stdlib'), sysconfig.get_path('purelib'), sys.version, sep='\\n')";

/// Large, and of no use to the examples.
const LEFT_OUT: [&str; 7] =
    ["test", "idlelib", "tkinter", "turtledemo", "lib2to3", "site-packages", "dist-packages"];

/// The image: the machine's own interpreter, a shell, the user `nobody`, and the packages of the Alembic that the tests
/// use, so that `pip install` finds everything there already and asks no index.
pub(crate) fn python() -> Option<String> {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/alembic/bin/python");
    let Ok(said) = Command::new(&python).args(["-c", WHERE]).output() else {
        missing("alembic", &format!("no Python with Alembic at {}", python.display()));
        return None;
    };
    let said = String::from_utf8(said.stdout).expect("UTF-8");
    let [interpreter, library, packages] =
        [0, 1, 2].map(|line| PathBuf::from(said.lines().nth(line).expect("a path")));
    let mut installed: Vec<String> = names(&packages);
    installed.sort();
    let tag = format!("castoff-test-public-python:{}", digest(&[&said, &installed.join(" ")]));
    if succeeds(&["image", "inspect", &tag]) {
        return Some(tag);
    }

    let modules = names(&library).into_iter();
    let modules = modules.filter(|name| !LEFT_OUT.contains(&name.as_str()) && !name.starts_with("config-"));
    let mut files: Vec<PathBuf> = modules.map(|name| library.join(name)).collect();
    let extensions = extensions(&library.join("lib-dynload")).into_iter().chain(extensions(&packages));
    files.extend(
        extensions
            .flat_map(|extension| image::libraries(&extension))
            .filter(|path| !path.starts_with(&packages)),
    );
    files.sort();
    files.dedup();
    let finish = |root: &Scratch| {
        root.write("etc/passwd", "root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/nonexistent:/bin/sh\n");
        root.write("etc/group", "root:x:0:\nnogroup:x:65534:\n");
        copy(&packages, &root.path().join("opt/packages"));
        for (name, module) in [("pip", "pip._internal.cli.main"), ("alembic", "alembic.config")] {
            let script =
                format!("#!/usr/local/bin/python\nimport sys\nfrom {module} import main\nsys.exit(main())\n");
            let program = root.write(&format!("usr/local/bin/{name}"), script);
            fs::set_permissions(program, fs::Permissions::from_mode(0o755)).expect("its mode");
        }
        symlink(&interpreter, root.path().join("usr/local/bin/python")).expect("the interpreter by its name");
        fs::create_dir(root.path().join("tmp")).expect("a directory of the image");
        // The interpreter may lie below a home that only its owner may enter.
        let mut modes = Command::new("chmod");
        modes.args(["-R", "a+rX"]).arg(root.path());
        assert!(modes.status().expect("chmod runs").success(), "the tree is readable");
        let sticky = fs::Permissions::from_mode(0o1777);
        fs::set_permissions(root.path().join("tmp"), sticky).expect("its mode");
    };
    let changes =
        ["ENV PATH=/usr/local/bin:/usr/bin:/bin PYTHONPATH=/opt/packages PIP_NO_INDEX=1", "CMD [\"python\"]"];
    image::import(&tag, &[interpreter.clone(), "/bin/sh".into()], &files, finish, &changes);
    Some(tag)
}

/// The AWS CLI's image: a program that answers what the example asks, and nothing else.
pub(crate) fn aws() -> String {
    const PROGRAM: &str = include_str!("aws.sh");
    const DOCKERFILE: &str = "FROM scratch\nCOPY aws /usr/local/aws-cli/v2/current/bin/aws\n";
    let tag = format!("castoff-test-public-aws-cli:{}", digest(&[DOCKERFILE, PROGRAM]));
    if !succeeds(&["image", "inspect", &tag]) {
        let context = Scratch::new("aws-cli");
        context.write("Dockerfile", DOCKERFILE);
        let program = context.write("aws", PROGRAM);
        fs::set_permissions(program, fs::Permissions::from_mode(0o755)).expect("its mode");
        docker(&["build", "--quiet", "--tag", &tag, context.path().to_str().expect("a path in UTF-8")]);
    }
    tag
}

/// Every extension module below a directory.
fn extensions(directory: &Path) -> Vec<PathBuf> {
    let paths = names(directory).into_iter().map(|name| directory.join(name));
    let below = |path: PathBuf| if path.is_dir() { extensions(&path) } else { vec![path] };
    paths.flat_map(below).filter(|path| path.extension().is_some_and(|end| end == "so")).collect()
}

/// The names in a directory.
fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to.parent().expect("a parent")).expect("a directory of the image");
    let mut copy = Command::new("cp");
    assert!(copy.arg("-r").args([from, to]).status().expect("cp runs").success(), "the packages are copied");
}
