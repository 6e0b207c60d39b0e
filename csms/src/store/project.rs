//! Projects of installers.

use super::{Owner, Result, Store, on_db};

/// A project.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct Project {
    pub id: String,
    pub organization_id: String,
    pub installer_id: String,
    pub name: String,
    pub address: String,
    pub site_owner_email: Option<String>,
    pub created_at_ms: i64,
    pub handed_over_at_ms: Option<i64>,
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
    pub(crate) async fn project(&self, owner: &Owner, id: &str) -> Result<Option<Project>> {
        let mut conn = self.reader().await?;
        on_db!(&mut conn, db => sqlx::query_as(
            "select id, organization_id, installer_id, name, address, site_owner_email, created_at_ms,
                 handed_over_at_ms
             from project
             where id = $1 and organization_id = $2 and ($3 is null or installer_id = $3)
                 and ($4 is null or site_owner_id = $4)")
            .bind(id).bind(&owner.organization_id).bind(&owner.installer_id).bind(&owner.site_owner_id)
            .fetch_optional(db))
    }
}
