//! Projects of installers.

use std::ops::Deref;

use crate::store::{Conn, Owner, Result, Store, on_db, run_on_db};

/// A project.
#[derive(Clone, Debug, Default, sqlx::FromRow)]
pub(crate) struct Project {
    pub id: String,
    pub organization_id: String,
    pub installer_id: String,
    /// Set when the owner of the site accepted the invitation.
    pub site_owner_id: Option<String>,
    pub name: String,
    pub address: String,
    pub site_owner_email: Option<String>,
    pub created_at_ms: i64,
    pub handed_over_at_ms: Option<i64>,
    pub sign_off_notes: Option<String>,
    pub installer_signature: Option<String>,
}

impl Project {
    /// Its state as the API names it.
    pub(crate) const fn status(&self) -> &'static str {
        match self.handed_over_at_ms {
            None => "in_progress",
            Some(_) => "handed_over",
        }
    }
}

/// A project that was found to be the asker's: it is made by the query below and by nothing else.
#[derive(Clone, Debug)]
pub(crate) struct OwnedProject {
    owner: Owner,
    project: Box<Project>,
}

impl OwnedProject {
    /// Who asked for it.
    pub(crate) const fn owner(&self) -> &Owner {
        &self.owner
    }

    /// What is shown of it.
    pub(crate) fn into_project(self) -> Project {
        *self.project
    }
}

impl Deref for OwnedProject {
    type Target = Project;

    fn deref(&self) -> &Project {
        &self.project
    }
}

/// The columns of [`Project`].
macro_rules! project_columns {
    () => {
        "id, organization_id, installer_id, site_owner_id, name, address, site_owner_email, created_at_ms,
         handed_over_at_ms, sign_off_notes, installer_signature"
    };
}

/// The condition that a project is the owner's; bind organization, installer and site owner as $1 to $3.
macro_rules! owned_project {
    () => {
        "organization_id = $1 and ($2 is null or installer_id = $2) and ($3 is null or site_owner_id = $3)"
    };
}

/// Policy and tags as stored: `open` or `list`, and a JSON list.
pub(crate) type AccessColumns = (String, String);

impl Store {
    /// Makes a project open to every tag; false when one with this id exists.
    pub(crate) async fn create_project(&self, project: Project) -> Result<bool> {
        self.write(project, |project, conn| {
            Box::pin(async move {
                let made: Option<String> = on_db!(conn, db => sqlx::query_scalar(
                    "insert into project (id, organization_id, installer_id, name, address, site_owner_email,
                         access_policy, access_tags, created_at_ms)
                     values ($1, $2, $3, $4, $5, $6, 'open', '[]', $7) on conflict do nothing returning id")
                    .bind(&project.id).bind(&project.organization_id).bind(&project.installer_id)
                    .bind(&project.name).bind(&project.address).bind(&project.site_owner_email)
                    .bind(project.created_at_ms)
                    .fetch_optional(db))?;
                Ok(made.is_some())
            })
        })
        .await
    }

    /// The project of this id, if it is the owner's.
    pub(crate) async fn project(&self, owner: &Owner, id: &str) -> Result<Option<OwnedProject>> {
        self.reader().await?.project(owner, id).await
    }

    /// A part of the owner's projects, oldest first, and how many there are in all.
    pub(crate) async fn projects(
        &self,
        owner: &Owner,
        (limit, offset): (i64, i64),
    ) -> Result<(Vec<Project>, i64)> {
        let mut conn = self.reader().await?;
        let total: i64 = on_db!(&mut conn, db => sqlx::query_scalar(concat!(
            "select count(*) from project where ", owned_project!()))
            .bind(&owner.organization_id).bind(&owner.installer_id).bind(&owner.site_owner_id)
            .fetch_one(db))?;
        let projects = on_db!(&mut conn, db => sqlx::query_as(concat!(
            "select ", project_columns!(), " from project where ", owned_project!(),
            " order by created_at_ms, id limit $4 offset $5"))
            .bind(&owner.organization_id).bind(&owner.installer_id).bind(&owner.site_owner_id)
            .bind(limit).bind(offset)
            .fetch_all(db))?;
        Ok((projects, total))
    }

    /// Who may charge at the points of a project of this owner.
    pub(crate) async fn project_access(
        &self,
        owner: &Owner,
        id: &str,
    ) -> Result<Option<AccessColumns>> {
        let mut conn = self.reader().await?;
        on_db!(&mut conn, db => sqlx::query_as(concat!(
            "select access_policy, access_tags from project where id = $4 and ", owned_project!()))
            .bind(&owner.organization_id).bind(&owner.installer_id).bind(&owner.site_owner_id)
            .bind(id)
            .fetch_optional(db))
    }

    /// Sets who may charge at the points of a project of this owner; false when there is none.
    pub(crate) async fn set_project_access(
        &self,
        owner: &Owner,
        id: &str,
        access: AccessColumns,
        now_ms: i64,
    ) -> Result<bool> {
        let input = (owner.clone(), id.to_owned(), access, now_ms);
        self.write(input, |(owner, id, (policy, tags), now_ms), conn| {
            Box::pin(async move {
                if conn.project(owner, id).await?.is_none() {
                    return Ok(false);
                }
                conn.keep_access(id, (policy, tags), *now_ms).await?;
                let found: Option<String> = on_db!(conn, db => sqlx::query_scalar(concat!(
                    "update project set access_policy = $5, access_tags = $6 where id = $4 and ",
                    owned_project!(), " returning id"))
                    .bind(&owner.organization_id).bind(&owner.installer_id).bind(&owner.site_owner_id)
                    .bind(id).bind(policy).bind(tags)
                    .fetch_optional(db))?;
                Ok(found.is_some())
            })
        })
        .await
    }
}

impl Conn {
    /// The project of this id, if it is the owner's.
    pub(crate) async fn project(
        &mut self,
        owner: &Owner,
        id: &str,
    ) -> Result<Option<OwnedProject>> {
        let project: Option<Project> = on_db!(self, db => sqlx::query_as(concat!(
            "select ", project_columns!(), " from project where id = $4 and ", owned_project!()))
            .bind(&owner.organization_id).bind(&owner.installer_id).bind(&owner.site_owner_id)
            .bind(id)
            .fetch_optional(db))?;
        Ok(project.map(|project| OwnedProject {
            owner: owner.clone(),
            project: Box::new(project),
        }))
    }

    /// The project of this id, whoever's it is.
    pub(crate) async fn project_by_id(&mut self, id: &str) -> Result<Option<Project>> {
        on_db!(self, db => sqlx::query_as(concat!(
            "select ", project_columns!(), " from project where id = $1"))
            .bind(id)
            .fetch_optional(db))
    }

    /// Who may charge at a charge point; `None` when it is in no project.
    pub(crate) async fn access_at(&mut self, charge_point: &str) -> Result<Option<AccessColumns>> {
        on_db!(self, db => sqlx::query_as(
            "select o.access_policy, o.access_tags from charge_point p join project o on o.id = p.project_id
             where p.id = $1")
            .bind(charge_point)
            .fetch_optional(db))
    }

    /// Writes down who was invited to own the site.
    pub(crate) async fn invited(&mut self, project: &str, email: &str) -> Result<()> {
        run_on_db!(self, db => sqlx::query("update project set site_owner_email = $2 where id = $1")
            .bind(project).bind(email)
            .execute(db))
    }

    /// Keeps others from changing a project before this transaction ends (SQLite has one writer anyway).
    pub(crate) async fn lock_project(&mut self, id: &str) -> Result<()> {
        run_on_db!(self, db => sqlx::query("update project set name = name where id = $1")
            .bind(id)
            .execute(db))
    }

    /// Gives a project its site owner.
    pub(crate) async fn set_site_owner(&mut self, project: &str, account: &str) -> Result<()> {
        run_on_db!(self, db => sqlx::query("update project set site_owner_id = $2 where id = $1")
            .bind(project).bind(account)
            .execute(db))
    }

    /// Hands a project over, once; what was signed first stays.
    pub(crate) async fn hand_over(
        &mut self,
        project: &str,
        notes: Option<&str>,
        signature: &str,
        now_ms: i64,
    ) -> Result<()> {
        run_on_db!(self, db => sqlx::query(
            "update project set handed_over_at_ms = $2, sign_off_notes = $3, installer_signature = $4
             where id = $1 and handed_over_at_ms is null")
            .bind(project).bind(now_ms).bind(notes).bind(signature)
            .execute(db))
    }
}
