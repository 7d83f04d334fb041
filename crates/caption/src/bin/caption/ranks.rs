//! One command line that `mpirun` has started several times: the first rank speaks and writes, the others compute.

use std::path::{Path, PathBuf};
use std::process::{ExitCode, exit};
use std::sync::{Arc, OnceLock};
use std::thread;

use caption::error::{Error, kept};
use caption::serve::terminated;
use caption::training::{Training, Validation};
use lab::ranks::{check_same, from_first, join, part};
use lab::run_dir::checkpoints_of;
use nn::Exchange;

/// Those of this process, once it has joined them.
static RANKS: OnceLock<Arc<Exchange>> = OnceLock::new();

/// Prints a line, if this rank speaks.
macro_rules! say {
    ($($line:tt)*) => {
        if $crate::ranks::speaks() {
            println!($($line)*);
        }
    };
}
pub(crate) use say;

/// Whether this process tells of what it does: the first of its ranks, or the only one.
pub fn speaks() -> bool {
    RANKS.get().is_none_or(|ranks| ranks.rank() == 0)
}

/// The ranks of a training.
#[derive(Clone)]
pub struct Ranks(Arc<Exchange>);

impl Ranks {
    /// Joins the other ranks of this command line.
    pub fn join() -> Result<Ranks, Error> {
        let exchange = join().map_err(Error::Mismatch)?;
        Ok(Ranks(Arc::clone(RANKS.get_or_init(|| exchange))))
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.ranks()
    }

    /// Has a training take its steps together with the others.
    pub fn share(&self, training: &mut Training) {
        training.share(&self.0);
    }

    /// At which step the first rank goes on, if at all.
    pub fn step_of_first(&self, step: Option<u64>) -> Result<Option<u64>, Error> {
        let said = speaks().then_some(&step);
        from_first(&self.0, said).map_err(Error::Mismatch)
    }

    /// What the first rank has found of the validation split.
    pub fn validation_of_first(&self, found: Option<Validation>) -> Result<Validation, Error> {
        // As bits: JSON has no numbers that are none.
        let said = found.map(|found| [found.loss, found.bleu_4, found.cider_d].map(f64::to_bits));
        let [loss, bleu_4, cider_d] =
            from_first(&self.0, said.as_ref()).map_err(Error::Mismatch)?.map(f64::from_bits);
        Ok(Validation { loss, bleu_4, cider_d })
    }

    /// Whether all ranks hold the same weights.
    pub fn check(&self, training: &Training) -> Result<(), Error> {
        if self.count() == 1 {
            return Ok(());
        }
        check_same(&self.0, "weights", training.fingerprint()).map_err(Error::Mismatch)
    }

    /// Where the first of several ranks is told to stop, as when another was killed, it says what is left of the run in a folder.
    pub fn tell_of_a_stop(&self, run: &Path) {
        if self.count() == 1 || !speaks() {
            return;
        }
        let run = run.to_path_buf();
        // Without the thread the stop is as good, but without a word.
        let _ = thread::Builder::new().name("stop".into()).spawn(move || stop(run));
    }
}

/// Waits for the signal by which `mpirun` stops the ranks that are left.
fn stop(run: PathBuf) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
    runtime.block_on(terminated());
    let newest = checkpoints_of(&run).steps().ok().and_then(|steps| steps.last().copied());
    eprintln!("caption: told to stop, as when another rank has ended{}", kept(newest, true));
    exit(128 + 15);
}

/// Ends the ranks of this process with its command: together where all went well or failed alike, else at once.
pub fn end(result: Result<ExitCode, Error>) -> ExitCode {
    let ranks = RANKS.get().filter(|ranks| ranks.ranks() > 1);
    let alike = result.as_ref().err().is_none_or(Error::is_of_all_ranks);
    let code = match result {
        Ok(code) => code,
        Err(error) => {
            match ranks {
                Some(ranks) if !alike => eprintln!("caption: rank {}: {error}", ranks.rank()),
                Some(_) if !speaks() => {}
                _ => eprintln!("caption: {error}"),
            }
            ExitCode::FAILURE
        }
    };
    if let Some(ranks) = ranks {
        part(ranks, alike);
    }
    code
}
