//! Flags that mean nothing for a run.

use anyhow::{Result, bail};

use super::args::{Args, Sut};

/// Flags of the other side are refused rather than ignored.
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
    let roaming = [("--token", !args.token.is_empty())];
    let either = [
        ("--charge-point-id", args.charge_point_id.is_some()),
        ("--capabilities", args.capabilities.is_some()),
        ("--password", args.password.is_some()),
        ("--ca", args.ca.is_some()),
        ("--cert", args.cert.is_some()),
        ("--key", args.key.is_some()),
    ];
    let strays: Vec<(&str, bool)> = match args.sut {
        None => [&csms[..], &charger, &either, &roaming].concat(),
        Some(Sut::Csms) => [&charger[..], &roaming].concat(),
        Some(Sut::ChargePoint) => [&csms[..], &roaming].concat(),
        // It has a URL as well.
        Some(Sut::Cpo) => [&csms[1..], &charger, &either].concat(),
    };
    match strays.iter().find(|(_, given)| *given) {
        Some((flag, _)) if args.sut.is_none() => {
            bail!("{flag} needs --sut: csms, charge-point or cpo")
        }
        Some((flag, _)) => bail!("{flag} has no meaning with this --sut; leave it out"),
        None if args.driver.is_none() && !args.driver_header.is_empty() => {
            bail!("--driver-header needs --driver")
        }
        None => Ok(()),
    }
}

/// A remark on each flag that changes nothing in this run. It may be of several runs, or of the environment, so it is no
/// error.
pub(super) fn idle_flags(args: &Args) -> Vec<String> {
    let no_charger = matches!(args.sut, Some(Sut::Csms | Sut::Cpo));
    let has_one_identity = args.sut == Some(Sut::ChargePoint) || args.charge_point_id.is_some();
    let judges_itself = "--self-test judges the judge";
    let flags = [
        (
            "--reboot-timeout",
            args.reboot_timeout.is_some() && no_charger,
            "no charge point is under test",
        ),
        (
            "--id-prefix",
            args.id_prefix.is_some() && has_one_identity,
            "there is one identity",
        ),
        (
            "--concurrency",
            args.concurrency.is_some_and(|most| most > 1) && is_serial(args),
            "a charge point, a CPO, a single --charge-point-id and a person have one scenario at a time",
        ),
        (
            "--strict",
            args.strict.is_some() && args.self_test,
            judges_itself,
        ),
        (
            "--waivers",
            args.waivers.is_some() && args.self_test,
            judges_itself,
        ),
        (
            "--fail-fast",
            args.fail_fast.is_some() && args.self_test,
            judges_itself,
        ),
        (
            "--allow-not-run",
            args.allow_not_run && args.self_test,
            judges_itself,
        ),
    ];
    let idle = flags.into_iter().filter(|(_, is_idle, _)| *is_idle);
    idle.map(|(flag, _, reason)| format!("{flag} changes nothing here: {reason}"))
        .collect()
}

/// Whether scenarios take turns.
pub(super) fn is_serial(args: &Args) -> bool {
    match args.sut {
        None => false,
        Some(Sut::Csms) => {
            args.charge_point_id.is_some() || args.driver.as_deref() == Some("prompt")
        }
        Some(Sut::ChargePoint | Sut::Cpo) => true,
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

    fn args(line: &str) -> Args {
        let line = std::iter::once("conformance").chain(line.split(' '));
        <Line as clap::Parser>::parse_from(line).args
    }

    #[test]
    fn a_flag_of_the_other_side_is_refused_by_its_name() {
        for (line, flag) in [
            ("--operator prompt", "--operator"),
            ("--sut csms --listen 127.0.0.1:0", "--listen"),
            ("--sut charge-point --driver prompt", "--driver"),
            ("--sut csms --token x", "--token"),
            ("--sut cpo --url http://h --listen 127.0.0.1:0", "--listen"),
        ] {
            let complaint = refuse_strays(&args(line)).unwrap_err().to_string();
            assert!(complaint.starts_with(flag), "{line}: {complaint}");
        }
    }

    #[test]
    fn a_flag_that_changes_nothing_is_remarked_on() {
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
        ] {
            let args = args(line);
            assert!(refuse_strays(&args).is_ok(), "{line}");
            let remarks = idle_flags(&args);
            assert!(
                remarks.len() == 1 && remarks[0].starts_with(flag),
                "{line}: {remarks:?}"
            );
        }
        for line in [
            "--reboot-timeout 10s --concurrency 8",
            "--sut charge-point --reboot-timeout 10s --concurrency 1",
            "--sut csms --concurrency 8 --id-prefix X --strict --fail-fast 1",
        ] {
            let args = args(line);
            assert!(refuse_strays(&args).is_ok(), "{line}");
            assert_eq!(idle_flags(&args), Vec::<String>::new(), "{line}");
        }
    }
}
