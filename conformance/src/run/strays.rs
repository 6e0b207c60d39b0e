//! Flags that mean nothing for a run.

use anyhow::{Result, bail};

use super::args::{Args, Sut};

/// Flags that have no meaning for this run are refused rather than ignored.
pub(super) fn refuse_strays(args: &Args) -> Result<()> {
    let csms = [
        ("--url", args.url.is_some()),
        ("--driver", args.driver.is_some()),
        ("--driver-header", !args.driver_header.is_empty()),
    ];
    let charger = [
        ("--listen", args.listen.is_some()),
        ("--operator", args.operator.is_some()),
    ];
    let either = [
        ("--charge-point-id", args.charge_point_id.is_some()),
        ("--capabilities", args.capabilities.is_some()),
        ("--password", args.password.is_some()),
        ("--ca", args.ca.is_some()),
        ("--cert", args.cert.is_some()),
        ("--key", args.key.is_some()),
    ];
    let restart = [("--reboot-timeout", args.reboot_timeout.is_some())];
    let prefix = [("--id-prefix", args.id_prefix.is_some())];
    let strays: Vec<(&str, bool)> = match args.sut {
        None => [&csms[..], &charger, &either].concat(),
        Some(Sut::Csms) => [&charger[..], &restart].concat(),
        Some(Sut::ChargePoint) => [&csms[..], &prefix].concat(),
    };
    match strays.iter().find(|(_, given)| *given) {
        Some((flag, _)) if args.sut.is_none() => bail!("{flag} needs --sut: csms or charge-point"),
        Some((flag, _)) => bail!("{flag} has no meaning with this --sut; leave it out"),
        None if args.driver.is_none() && !args.driver_header.is_empty() => {
            bail!("--driver-header needs --driver")
        }
        None => {}
    }
    if args.id_prefix.is_some() && args.charge_point_id.is_some() {
        bail!("--id-prefix has no meaning with --charge-point-id; leave one of them out");
    }
    if args.concurrency.is_some_and(|most| most > 1) && is_serial(args) {
        bail!(
            "--concurrency has no meaning here: a charge point, a single --charge-point-id and a person have one \
             scenario at a time; leave it out"
        );
    }
    let of_verdicts = [
        ("--strict", args.strict.is_some()),
        ("--waivers", args.waivers.is_some()),
        ("--fail-fast", args.fail_fast.is_some()),
        ("--allow-not-run", args.allow_not_run),
    ];
    match of_verdicts.iter().find(|(_, given)| *given) {
        Some((flag, _)) if args.self_test => {
            bail!("{flag} has no meaning with --self-test, which judges the judge; leave it out")
        }
        _ => Ok(()),
    }
}

/// Whether scenarios take turns.
pub(super) fn is_serial(args: &Args) -> bool {
    match args.sut {
        None => false,
        Some(Sut::Csms) => {
            args.charge_point_id.is_some() || args.driver.as_deref() == Some("prompt")
        }
        Some(Sut::ChargePoint) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn complaint(line: &str) -> String {
        let line = std::iter::once("conformance").chain(line.split(' '));
        let args = <Line as clap::Parser>::parse_from(line).args;
        refuse_strays(&args)
            .err()
            .map_or_else(String::new, |error| error.to_string())
    }

    #[test]
    fn a_flag_that_would_be_ignored_is_refused_by_its_name() {
        for (line, flag) in [
            (
                "--sut csms --url ws://h --reboot-timeout 10s",
                "--reboot-timeout",
            ),
            ("--sut charge-point --id-prefix X", "--id-prefix"),
            (
                "--sut csms --id-prefix X --charge-point-id Y",
                "--id-prefix",
            ),
            ("--sut charge-point --concurrency 2", "--concurrency"),
            (
                "--sut csms --charge-point-id Y --concurrency 2",
                "--concurrency",
            ),
            (
                "--sut csms --driver prompt --concurrency 2",
                "--concurrency",
            ),
            ("--self-test --strict", "--strict"),
            ("--self-test --waivers w.yaml", "--waivers"),
            ("--self-test --fail-fast 1", "--fail-fast"),
            ("--self-test --allow-not-run", "--allow-not-run"),
            ("--operator prompt", "--operator"),
        ] {
            let complaint = complaint(line);
            assert!(complaint.starts_with(flag), "{line}: {complaint}");
        }
        for line in [
            "--reboot-timeout 10s --concurrency 8",
            "--sut charge-point --reboot-timeout 10s --concurrency 1",
            "--sut csms --concurrency 8 --id-prefix X --strict --fail-fast 1",
        ] {
            assert_eq!(complaint(line), "", "{line}");
        }
    }
}
