//! Programs that are started as several ranks; the tests of `caption` use it too.

use std::process::Command;

/// Whether ranks can be started here.
pub fn can_run() -> bool {
    if !cfg!(feature = "mpi") {
        eprintln!("skipped: this was built without the feature `mpi`");
        return false;
    }
    let there = Command::new("mpirun").arg("--version").output().is_ok();
    let required = std::env::var_os("UNSPOOL_MPI").is_some_and(|value| value == "required");
    assert!(there || !required, "there is no mpirun");
    if !there {
        eprintln!("skipped: there is no mpirun");
    }
    there
}

/// A program by `mpirun` on so many ranks, which may be more than processors, and root's; 0 is without `mpirun`.
pub fn on_ranks(program: &str, ranks: usize) -> Command {
    if ranks == 0 {
        return Command::new(program);
    }
    let mut command = Command::new("mpirun");
    command.args(["--oversubscribe", "--bind-to", "none", "-n", &ranks.to_string(), program]);
    command.env("OMPI_ALLOW_RUN_AS_ROOT", "1").env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1");
    command
}
