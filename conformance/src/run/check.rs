//! `--check-capabilities`: what the capability file and the charge point under test say of each gate.

use std::io::Write as _;
use std::sync::Arc;

use anyhow::{Result, bail};
use gherkin::Feature;
use indicatif::ProgressBar;
use tokio_util::sync::CancellationToken;

use super::args::{Args, Sut};
use super::sut::{Prepared, prepare};
use super::verdict::Verdict;
use crate::case::capabilities::{ChargerTraits, Gate};
use crate::case::features::all_tags;
use crate::role::csms::CsmsRole;
use crate::role::device::Device;
use crate::role::rig::{ChargerUnderTest, Rig};
use crate::words::count;

/// Prints a line for each gate that some scenario needs. The verdict is bad where neither answers one.
///
/// # Errors
/// There is no charge point under test, or it does not come.
pub(super) async fn print(
    args: &Args,
    features: &[Feature],
    shutdown: CancellationToken,
) -> Result<Verdict> {
    if args.sut != Some(Sut::ChargePoint) {
        bail!(
            "--check-capabilities needs --sut charge-point: only a charge point is asked what it has"
        );
    }
    let over = CancellationToken::new();
    let _ends_with_this = over.clone().drop_guard();
    let Prepared { parts, .. } = tokio::select! {
        prepared = prepare(args, over, ProgressBar::hidden()) => prepared?,
        () = shutdown.cancelled() => return Ok(Verdict::Interrupted),
    };
    let rig = Arc::new(Rig::new(parts));
    let Some(ChargerUnderTest::Foreign { traits, .. }) = &rig.charger else {
        bail!("--check-capabilities needs a charge point from outside");
    };
    let mut role = match CsmsRole::new(Arc::clone(&rig), &[]).await {
        Ok(role) => role,
        Err(closed) => bail!("{}", closed.text()),
    };
    let met = role.meet().await;
    let _ = role.close().await;
    let device = match met {
        Ok(device) => device,
        Err(failure) => bail!("{failure}"),
    };
    show(traits, &device, features, args.capabilities.is_some())
}

fn show(
    traits: &ChargerTraits,
    device: &Device,
    features: &[Feature],
    has_file: bool,
) -> Result<Verdict> {
    // Without a file some things are taken for granted.
    let file_says = if has_file {
        "the file says"
    } else {
        "by default"
    };
    let mut out = crate::terminal::results();
    let mut open = 0;
    for gate in Gate::ALL {
        let needed = features
            .iter()
            .flat_map(|feature| {
                feature
                    .scenarios
                    .iter()
                    .map(move |scenario| all_tags(feature, scenario))
            })
            .filter(|tags| tags.iter().any(|tag| tag == gate.tag))
            .count();
        if needed == 0 {
            continue;
        }
        let needed = count(needed, "scenario");
        let file = (gate.claimed)(traits);
        let told = (gate.told)(&|key| device.value(key).map(str::to_owned));
        let word = |says: Option<bool>| match says {
            Some(true) => "yes",
            Some(false) => "no",
            None => "nothing",
        };
        let (settled, verdict) = settled(file, told);
        open += usize::from(!settled);
        writeln!(
            out,
            "@{:<18} {needed:<13}  {file_says} {:<8} the charge point says {:<8} {verdict} (charge_point: {{ {} }})",
            gate.tag,
            word(file),
            word(told),
            gate.line
        )?;
    }
    writeln!(out, "{open} open")?;
    Ok(if open == 0 {
        Verdict::Passed
    } else {
        Verdict::Failed
    })
}

/// Whether it is known if scenarios with a gate will run, and a word on it. `file`: what the capability file says;
/// `told`: what the charge point says.
fn settled(file: Option<bool>, told: Option<bool>) -> (bool, &'static str) {
    match (file, told) {
        (Some(claimed), Some(told)) if claimed != told => (
            false,
            "open: they differ, correct the file or the charge point",
        ),
        (None, None) => (false, "open: say it in the capability file"),
        (Some(false), _) | (None, Some(false)) => (true, "not applicable"),
        _ => (true, "will run"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_is_open_where_nobody_speaks_and_where_both_differ() {
        let (yes, no) = (Some(true), Some(false));
        for (file, told) in [(None, None), (yes, no), (no, yes)] {
            assert!(!settled(file, told).0, "{file:?} {told:?}");
        }
        for (file, told, word) in [
            (yes, yes, "will run"),
            (yes, None, "will run"),
            (None, yes, "will run"),
            (no, None, "not applicable"),
            (None, no, "not applicable"),
            (no, no, "not applicable"),
        ] {
            assert_eq!(settled(file, told), (true, word));
        }
    }
}
