//! How a project comes into the hands of the site's owner: invited, accepted, handed over.
//!
//! Handing over does not wait for the acceptance: the installer is told when it is missing.

use crate::store::{
    Account, Conn, Invitation, Mail, OwnedProject, Owner, Project, Result, Role, Store, email_key,
    key_hash, random_text,
};

/// How long an invitation is good: seven days.
const INVITATION_MS: i64 = 7 * 24 * 3_600_000;
/// Mails of one installer, within [`MAILS_MS`], that nobody accepted: who registers here does not get a mail server.
const OPEN_MAILS_MAX: i64 = 20;
const MAILS_MS: i64 = 24 * 3_600_000;

/// What a project may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Features {
    /// Its transactions are billed.
    pub billing: bool,
    /// Its charge points may be given charging profiles for the load of the site.
    pub smart_charging: bool,
}

impl Features {
    /// Everything from the hand-over on, nothing before.
    pub(crate) const fn of(project: &Project) -> Self {
        let handed_over = project.handed_over_at_ms.is_some();
        Self {
            billing: handed_over,
            smart_charging: handed_over,
        }
    }
}

/// What an installer says when inviting.
pub(crate) struct Invite {
    pub owner: Owner,
    pub project_id: String,
    pub email: String,
    pub message: Option<String>,
    /// Of this server, without a slash at the end.
    pub public_url: String,
    pub now_ms: i64,
}

/// Why nobody is invited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotInvited {
    /// The project has its owner.
    Accepted,
    /// The installer sent so many that nobody accepted, or so many mails left today, to this address or in all.
    TooMany,
}

/// Invites somebody to own a project, by a mail with a link that is good for seven days. Those before it are
/// good no more. `None` when the owner has no such project, `Some(Err)` when its invitation was accepted already, or
/// too many others were not.
pub(crate) async fn invite(
    store: &Store,
    invite: Invite,
) -> Result<Option<std::result::Result<Invitation, NotInvited>>> {
    // Made here and not in the transaction, which may run twice.
    let token = random_text(40);
    let invitation = Invitation {
        id: format!("inv_{}", random_text(18)),
        project_id: invite.project_id,
        email: invite.email,
        message: invite.message,
        token_hash: key_hash(&token),
        created_at_ms: invite.now_ms,
        expires_at_ms: invite.now_ms.saturating_add(INVITATION_MS),
        accepted_at_ms: None,
    };
    let link = format!("{}/invitations/accept?token={token}", invite.public_url);
    let input = (invite.owner, invitation, link);
    store
        .write(input, |(owner, invitation, link), conn| {
            Box::pin(async move {
                // Who accepts at the same time holds the project until that is done.
                conn.lock_project(&invitation.project_id).await?;
                let Some(project) = conn.project(owner, &invitation.project_id).await? else {
                    return Ok(None);
                };
                if project.site_owner_id.is_some() {
                    return Ok(Some(Err(NotInvited::Accepted)));
                }
                let now_ms = invitation.created_at_ms;
                let since_ms = now_ms.saturating_sub(MAILS_MS);
                let open = conn.open_invitations(&project.installer_id, since_ms);
                if open.await? >= OPEN_MAILS_MAX
                    || !conn.may_post_mail(&invitation.email, now_ms).await?
                {
                    return Ok(Some(Err(NotInvited::TooMany)));
                }
                conn.void_invitations(&project.id, now_ms).await?;
                conn.insert_invitation(invitation).await?;
                conn.invited(&project.id, &invitation.email).await?;
                conn.post_mail(&letter(&project, invitation, link)).await?;
                Ok(Some(Ok(invitation.clone())))
            })
        })
        .await
}

fn letter(project: &Project, invitation: &Invitation, link: &str) -> Mail {
    let message = match &invitation.message {
        Some(message) => format!("{message}\n\n"),
        None => String::new(),
    };
    Mail {
        recipient: invitation.email.clone(),
        subject: format!("Your charge points at {}", project.name),
        body: format!(
            "{message}You are invited to take over the project {name} ({address}).\n\n\
             Accept within seven days:\n{link}\n",
            name = project.name,
            address = project.address,
        ),
        created_at_ms: invitation.created_at_ms,
    }
}

/// Why an invitation cannot be accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InvitationRefused {
    /// There is none with this token, or a newer one took its place.
    Unknown,
    /// Its time is over.
    Expired,
    /// It was accepted before, or the project has its owner.
    Accepted,
    /// The address has an account that cannot own this project: of an installer, or of another organization.
    OtherAccount,
}

/// Whether an invitation can still be accepted.
pub(crate) fn check(
    invitation: Option<&Invitation>,
    now_ms: i64,
) -> std::result::Result<(), InvitationRefused> {
    match invitation {
        None => Err(InvitationRefused::Unknown),
        Some(invitation) if invitation.accepted_at_ms.is_some() => Err(InvitationRefused::Accepted),
        Some(invitation) if invitation.expires_at_ms <= now_ms => Err(InvitationRefused::Expired),
        Some(_) => Ok(()),
    }
}

/// What the invited says.
#[derive(Clone)]
pub(crate) struct Acceptance {
    pub token_hash: String,
    /// For a new account.
    pub name: String,
    pub password_hash: String,
    pub account_id: String,
    pub now_ms: i64,
}

/// Makes the invited the owner of the project's site, with a new account or the one of that address.
pub(crate) async fn accept(
    store: &Store,
    acceptance: Acceptance,
) -> Result<std::result::Result<(Account, Project), InvitationRefused>> {
    // What is refused must leave nothing: the step looks before it writes.
    store
        .write(acceptance, |acceptance, conn| {
            Box::pin(take(acceptance, conn))
        })
        .await
}

async fn take(
    acceptance: &Acceptance,
    conn: &mut Conn,
) -> Result<std::result::Result<(Account, Project), InvitationRefused>> {
    let now_ms = acceptance.now_ms;
    let Some(known) = conn.invitation(&acceptance.token_hash).await? else {
        return Ok(Err(InvitationRefused::Unknown));
    };
    // Who accepts at the same time waits here, and sees then what this one did.
    conn.lock_project(&known.project_id).await?;
    let invitation = conn.invitation(&acceptance.token_hash).await?;
    if let Err(refused) = check(invitation.as_ref(), now_ms) {
        return Ok(Err(refused));
    }
    let Some(project) = conn.project_by_id(&known.project_id).await? else {
        return Ok(Err(InvitationRefused::Unknown));
    };
    if project.site_owner_id.is_some() {
        return Ok(Err(InvitationRefused::Accepted));
    }
    let fresh = Account {
        id: acceptance.account_id.clone(),
        organization_id: project.organization_id.clone(),
        role: Role::SiteOwner,
        name: acceptance.name.clone(),
        email: known.email.clone(),
        company: None,
        password_hash: acceptance.password_hash.clone(),
        created_at_ms: now_ms,
    };
    let account = if conn.insert_account(&fresh).await? {
        fresh
    } else {
        let account = conn.account_by_email_key(&email_key(&known.email)).await?;
        match account {
            Some(account) if may_own(&account, &project) => account,
            _ => return Ok(Err(InvitationRefused::OtherAccount)),
        }
    };
    conn.use_invitation(&known.id, now_ms).await?;
    conn.set_site_owner(&project.id, &account.id).await?;
    let project = conn.project_by_id(&project.id).await?;
    Ok(project
        .map(|project| (account, project))
        .ok_or(InvitationRefused::Unknown))
}

fn may_own(account: &Account, project: &Project) -> bool {
    account.role == Role::SiteOwner && account.organization_id == project.organization_id
}

/// What an installer signs.
pub(crate) struct SignOff {
    pub owner: Owner,
    pub project_id: String,
    pub notes: Option<String>,
    pub signature: String,
    pub now_ms: i64,
}

/// Hands a project over. A second time changes nothing. `None` when the owner has no such project.
pub(crate) async fn complete(store: &Store, sign_off: SignOff) -> Result<Option<OwnedProject>> {
    store
        .write(sign_off, |sign_off, conn| {
            Box::pin(async move {
                let (owner, id) = (&sign_off.owner, &sign_off.project_id);
                if conn.project(owner, id).await?.is_none() {
                    return Ok(None);
                }
                let notes = sign_off.notes.as_deref();
                conn.hand_over(id, notes, &sign_off.signature, sign_off.now_ms)
                    .await?;
                conn.project(owner, id).await
            })
        })
        .await
}

/// What an installer should know after handing over.
pub(crate) fn warnings(project: &Project) -> Vec<&'static str> {
    match project.site_owner_id {
        Some(_) => Vec::new(),
        None => vec!["invitation_not_accepted"],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invitation_is_good_once_and_for_its_time() {
        let mut invitation = Invitation {
            id: "inv".into(),
            project_id: "prj".into(),
            email: "a@b.example".into(),
            message: None,
            token_hash: "h".into(),
            created_at_ms: 0,
            expires_at_ms: 1_000,
            accepted_at_ms: None,
        };
        assert_eq!(check(None, 0), Err(InvitationRefused::Unknown));
        assert_eq!(check(Some(&invitation), 999), Ok(()));
        assert_eq!(
            check(Some(&invitation), 1_000),
            Err(InvitationRefused::Expired)
        );
        invitation.accepted_at_ms = Some(500);
        assert_eq!(
            check(Some(&invitation), 999),
            Err(InvitationRefused::Accepted)
        );
    }

    #[test]
    fn a_project_has_its_features_from_the_hand_over_on() {
        let mut project = Project::default();
        assert!(!Features::of(&project).billing && !Features::of(&project).smart_charging);
        project.handed_over_at_ms = Some(1);
        assert!(Features::of(&project).billing && Features::of(&project).smart_charging);
        assert_eq!(warnings(&project), ["invitation_not_accepted"]);
        project.site_owner_id = Some("usr".into());
        assert!(warnings(&project).is_empty());
    }
}
