//! What the courier does besides delivering: it fetches the plan and renews the certificate.

use std::sync::Arc;

use tokio::time::Instant;

use super::Courier;
use crate::daemon::board::Trouble;
use crate::daemon::certificate_status;
use crate::plan::{self, Source};

impl Courier {
    pub(super) async fn fetch_plan(&mut self) {
        let current = self.shared.plan();
        let held = (current.1 == Source::Collector).then_some(current.0.reference.sha256.as_str());
        let signed = match self.client.plan(held).await {
            Ok(signed) => signed,
            Err(error) => {
                self.plan.failed(&error);
                tracing::warn!("the plan could not be fetched: {error}");
                let trouble = Trouble::now(error.to_string());
                self.shared
                    .board
                    .update(|status| status.plan.error = Some(trouble));
                return;
            }
        };
        self.plan.worked();
        self.plan_wanted = false;
        let Some(signed) = signed else {
            self.shared.board.update(|status| status.plan.error = None);
            return;
        };
        let sha256 = signed.sha256.clone();
        let data_dir = self.shared.settings().data_dir.clone();
        let key = self.shared.identity().plan_key();
        let taken = tokio::task::spawn_blocking(move || plan::take(signed, &data_dir, &key)).await;
        match taken {
            Ok(Ok(plan)) => self.shared.set_plan(plan, Source::Collector),
            Ok(Err(error)) => {
                tracing::error!("the collector's plan is not taken, the one before stays: {error}");
                self.plan_refused = Some(sha256);
                let trouble = Trouble::now(error.to_string());
                self.shared
                    .board
                    .update(|status| status.plan.error = Some(trouble));
            }
            Err(error) => tracing::error!("the collector's plan is not taken: {error}"),
        }
    }

    pub(super) async fn renew(&mut self) {
        let identity = self.shared.identity();
        let trouble = match self.client.renew(&identity).await {
            Ok(renewed) => {
                let data_dir = self.shared.settings().data_dir.clone();
                let stored = renewed.clone();
                match tokio::task::spawn_blocking(move || stored.store(&data_dir)).await {
                    Ok(Ok(())) => {
                        tracing::info!(until = %renewed.validity().not_after, "certificate renewed");
                        self.shared
                            .board
                            .update(|status| status.certificate = certificate_status(&renewed));
                        self.shared.identity.send_replace(Arc::new(renewed));
                        self.renewal.worked();
                        return;
                    }
                    Ok(Err(error)) => error.to_string(),
                    Err(error) => error.to_string(),
                }
            }
            Err(error) => {
                self.renewal.failed(&error);
                error.to_string()
            }
        };
        if self.renewal.due() {
            self.renewal.at = Instant::now() + self.renewal.backoff.after_failure();
        }
        tracing::error!("the certificate was not renewed: {trouble}");
        self.shared
            .board
            .update(|status| status.certificate.error = Some(Trouble::now(trouble)));
    }
}
