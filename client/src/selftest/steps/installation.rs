//! What is installed, and what the system says of it.

use crate::selftest::machine::Kind;
use crate::selftest::outcome::{Judgement, Stop, Values};
use crate::selftest::session::Session;

pub(in crate::selftest) fn signature(session: &mut Session, values: &mut Values) -> Judgement {
    let signature = session.machine.signature()?;
    values.note("digest", signature.digest);
    let Some(catalog) = signature.catalog else {
        return Err(Stop::failed("no installed catalog lists the driver's file"));
    };
    values.note("catalog", catalog);
    values.note("code", format!("0x{:08X}", signature.code));
    match signature.code {
        0 => Ok(()),
        code => Err(Stop::failed(format!("WinVerifyTrust answers 0x{code:08X}"))),
    }
}

pub(in crate::selftest) fn service(session: &mut Session, values: &mut Values) -> Judgement {
    let Some(running) = session.machine.is_running()? else {
        return Err(Stop::not_done("the driver is not installed"));
    };
    values.note("running", running);
    if !running {
        return Err(Stop::not_done(
            "the service is stopped: start it with `sc.exe start svmsave`",
        ));
    }
    Ok(())
}

pub(in crate::selftest) fn installed(session: &mut Session, values: &mut Values) -> Judgement {
    let installation = session.machine.installation()?;
    values.note("packages", installation.packages.join(", "));
    values.note("noted", installation.noted.join("; "));
    if !installation.service {
        return Err(Stop::not_done("the driver is not installed"));
    }
    if !installation.image {
        return Err(Stop::failed("the file that the service runs is not there"));
    }
    match installation.packages.len() {
        1 => Ok(()),
        0 if session.machine.system().kind == Kind::Wine => {
            Err(Stop::not_done("Wine has no driver store"))
        }
        count => Err(Stop::failed(format!(
            "the driver store has {count} packages"
        ))),
    }
}

pub(in crate::selftest) fn removed(session: &mut Session, values: &mut Values) -> Judgement {
    let installation = session.machine.installation()?;
    values.note("service", installation.service);
    values.note("packages", installation.packages.join(", "));
    values.note("folder", installation.folder);
    if installation.service && installation.image {
        return Err(Stop::not_done(
            "the driver is installed: run `client.exe uninstall` first",
        ));
    }
    if installation.service || installation.folder || !installation.packages.is_empty() {
        return Err(Stop::failed("the values name what is left"));
    }
    Ok(())
}

pub(in crate::selftest) fn questions(session: &mut Session, values: &mut Values) -> Judgement {
    for (question, answer) in session.machine.questions()? {
        values.note(question, answer);
    }
    Ok(())
}
