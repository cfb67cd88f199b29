//! One order, from the account to the certificate.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use instant_acme::{
    Account, AuthorizationStatus, ChallengeType, Error as AcmeError, Identifier, NewAccount,
    NewOrder, Order, OrderStatus, RetryPolicy,
};
use pem::Pem;
use rcgen::{CertificateParams, CustomExtension, DistinguishedName, KeyPair};
use rustls::{
    client::verify_server_name,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
    server::ParsedCertificate,
    sign::CertifiedKey,
};
use tracing::debug;

use super::{
    Acme, Challenge, answers::Answers, blocking, client::AuthorityClient, keep, keep::Keep,
    trouble::Trouble,
};
use crate::identity::{self, Identity};

/// The authority looks, signs and is asked again now and then.
const PATIENCE: RetryPolicy = RetryPolicy::new()
    .initial_delay(Duration::from_millis(500))
    .backoff(1.5)
    .timeout(Duration::from_secs(120));

/// A certificate as it was given, and as it is kept.
pub(super) struct Issued {
    pub(super) identity: Identity,
    /// Its key, itself, and those that lead to its authority.
    pub(super) pem: String,
}

/// What an order needs.
pub(super) struct Ordering<'a> {
    pub(super) acme: &'a Acme,
    pub(super) keep: &'a Keep,
    pub(super) answers: &'a Answers,
    pub(super) provider: &'a Arc<CryptoProvider>,
    pub(super) client: AuthorityClient,
}

/// Whether a certificate holds for each of the names.
pub(super) fn holds_for(certificate: &CertificateDer<'_>, acme: &Acme) -> bool {
    let Ok(parsed) = ParsedCertificate::try_from(certificate) else {
        return false;
    };
    acme.domains.iter().all(|domain| {
        ServerName::try_from(domain.as_str())
            .is_ok_and(|name| verify_server_name(&parsed, &name).is_ok())
    })
}

impl Ordering<'_> {
    /// Gets a certificate. Answers to challenges are there for as long as this runs.
    pub(super) async fn run(&self) -> Result<Issued, Trouble> {
        struct Clear<'a>(&'a Answers);
        impl Drop for Clear<'_> {
            fn drop(&mut self) {
                self.0.clear();
            }
        }
        let _clear = Clear(self.answers);
        match self.with_account(self.keep.account()).await {
            // A test authority that was started again, or an account that was closed.
            Err(trouble) if trouble.is_without_account() => self.with_account(None).await,
            result => result,
        }
    }

    fn trouble(&self, error: &AcmeError) -> Trouble {
        debug!(?error, "the order failed");
        Trouble::of(error, self.acme)
    }

    async fn with_account(&self, kept: Option<keep::Account>) -> Result<Issued, Trouble> {
        let account = self.account(kept).await?;
        let domains = self.acme.domains.iter();
        let names: Vec<_> = domains
            .map(|name| Identifier::Dns(name.as_str().to_owned()))
            .collect();
        let order = account.new_order(&NewOrder::new(&names)).await;
        let mut order = order.map_err(|error| self.trouble(&error))?;
        self.answer(&mut order).await?;
        match order.poll_ready(&PATIENCE).await {
            Ok(OrderStatus::Ready) => {}
            Ok(_) => return Err(self.why_not(&mut order, None).await),
            Err(error) => return Err(self.why_not(&mut order, Some(error)).await),
        }
        self.sign(&mut order).await
    }

    async fn account(&self, kept: Option<keep::Account>) -> Result<Account, Trouble> {
        let builder = || Account::builder_with_http(Box::new(self.client.clone()));
        let directory = self.acme.directory.as_str();
        let email = self
            .acme
            .email
            .as_ref()
            .map(|email| email.as_str().to_owned());
        let contact: Vec<_> = email
            .iter()
            .map(|email| format!("mailto:{email}"))
            .collect();
        let contact: Vec<_> = contact.iter().map(|contact| &**contact).collect();
        if let Some(kept) = kept.filter(|kept| kept.directory == directory) {
            let account = builder().from_credentials(kept.credentials).await;
            let account = account.map_err(|error| self.trouble(&error))?;
            if kept.email != email {
                let updated = account.update_contacts(&contact).await;
                updated.map_err(|error| self.trouble(&error))?;
                // The library has taken the first copy.
                if let Some(kept) = self.keep.account() {
                    self.keep_account(email, kept.credentials).await?;
                }
            }
            return Ok(account);
        }
        let wanted = NewAccount {
            contact: &contact,
            terms_of_service_agreed: true,
            only_return_existing: false,
        };
        let made = builder().create(&wanted, directory.to_owned(), None).await;
        let (account, credentials) = made.map_err(|error| self.trouble(&error))?;
        self.keep_account(email, credentials).await?;
        Ok(account)
    }

    async fn keep_account(
        &self,
        email: Option<String>,
        credentials: instant_acme::AccountCredentials,
    ) -> Result<(), Trouble> {
        let account = keep::Account {
            directory: self.acme.directory.as_str().to_owned(),
            email,
            credentials,
        };
        let keep = self.keep.clone();
        blocking(move || keep.keep_account(&account)).await
    }

    /// Has an answer ready for each name, and then says so.
    async fn answer(&self, order: &mut Order) -> Result<(), Trouble> {
        let wanted = match self.acme.challenge {
            Challenge::TlsAlpn01 => ChallengeType::TlsAlpn01,
            Challenge::Http01 => ChallengeType::Http01,
        };
        let mut authorizations = order.authorizations();
        while let Some(authorization) = authorizations.next().await {
            let mut authorization = authorization.map_err(|error| self.trouble(&error))?;
            match authorization.status {
                AuthorizationStatus::Pending => {}
                AuthorizationStatus::Valid => continue,
                status => {
                    return Err(Trouble::nonsense(format!(
                        "a new order is {status:?} already"
                    )));
                }
            }
            let domain = match authorization.identifier().identifier {
                Identifier::Dns(name) if self.acme.domains.iter().any(|it| it.as_str() == name) => {
                    name.clone()
                }
                other => {
                    return Err(Trouble::nonsense(format!("nobody asked it for {other:?}")));
                }
            };
            let Some(mut challenge) = authorization.challenge(wanted.clone()) else {
                let challenge = self.acme.challenge;
                return Err(Trouble::nonsense(format!(
                    "it has no challenge {challenge} for {domain} (`server.tls.acme.challenge`)"
                )));
            };
            let answer = challenge.key_authorization();
            match self.acme.challenge {
                Challenge::Http01 if !is_token(&challenge.token) => {
                    return Err(Trouble::nonsense("its token is none"));
                }
                Challenge::Http01 => self.answers.give_text(&challenge.token, answer.as_str()),
                Challenge::TlsAlpn01 => {
                    let certificate =
                        certificate_for(&domain, answer.digest().as_ref(), self.provider)?;
                    self.answers.give_certificate(&domain, certificate);
                }
            }
            let ready = challenge.set_ready().await;
            ready.map_err(|error| match error {
                AcmeError::Api(problem) => Trouble::refused(Some(&domain), &problem, self.acme),
                error => self.trouble(&error),
            })?;
        }
        Ok(())
    }

    /// What was wrong with a challenge, or with all of it.
    async fn why_not(&self, order: &mut Order, error: Option<AcmeError>) -> Trouble {
        let mut authorizations = order.authorizations();
        while let Some(Ok(mut authorization)) = authorizations.next().await {
            let Ok(state) = authorization.refresh().await else {
                break;
            };
            let Some(problem) = state.challenges.iter().find_map(|it| it.error.as_ref()) else {
                continue;
            };
            let domain = match state.identifier().identifier {
                Identifier::Dns(name) => Some(name.clone()),
                _ => None,
            };
            return Trouble::refused(domain.as_deref(), problem, self.acme);
        }
        match error {
            Some(error) => self.trouble(&error),
            None => Trouble::nonsense("it refuses without a reason"),
        }
    }

    async fn sign(&self, order: &mut Order) -> Result<Issued, Trouble> {
        let setup = |error: rcgen::Error| Trouble::here(error.to_string());
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(setup)?;
        let names = self.acme.domains.iter();
        let names: Vec<_> = names.map(|name| name.as_str().to_owned()).collect();
        let mut params = CertificateParams::new(names).map_err(setup)?;
        params.distinguished_name = DistinguishedName::new();
        let request = params.serialize_request(&key).map_err(setup)?;
        let finalized = order.finalize_csr(request.der()).await;
        finalized.map_err(|error| self.trouble(&error))?;
        let chain = order.poll_certificate(&PATIENCE).await;
        let chain = chain.map_err(|error| self.trouble(&error))?;
        self.issued(&key, &chain)
    }

    /// Looks at what was given as closely as at what the operator puts into files.
    fn issued(&self, key: &KeyPair, chain: &str) -> Result<Issued, Trouble> {
        let certificates: Result<Vec<_>, _> =
            CertificateDer::pem_slice_iter(chain.as_bytes()).collect();
        let certificates = certificates.unwrap_or_default();
        if !certificates
            .first()
            .is_some_and(|it| holds_for(it, self.acme))
        {
            return Err(Trouble::nonsense("its certificate is not for the names"));
        }
        let mut pem = key.serialize_pem();
        // Not the text as it came: around the certificates there may be anything.
        for certificate in &certificates {
            pem.push_str(&pem::encode(&Pem::new("CERTIFICATE", certificate.to_vec())));
        }
        let private = PrivateKeyDer::try_from(key.serialize_der())
            .map_err(|error| Trouble::here(error.to_owned()))?;
        let identity = identity::identity(certificates, private, self.provider)
            .map_err(|_| Trouble::nonsense("its certificate is not for the key"))?;
        if identity.facts.is_self_signed {
            return Err(Trouble::nonsense("nobody vouches for its certificate"));
        }
        if identity
            .facts
            .ends_within(Duration::ZERO, SystemTime::now())
        {
            return Err(Trouble::nonsense(
                "its certificate has expired already; is this machine's clock right?",
            ));
        }
        Ok(Issued { identity, pem })
    }
}

/// RFC 8555 clause 8.3: characters of base64url, and nothing else comes into an answer of ours.
fn is_token(text: &str) -> bool {
    (1..=256).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// What an authority that connects is shown. RFC 8737 clause 3.
fn certificate_for(
    domain: &str,
    digest: &[u8],
    provider: &CryptoProvider,
) -> Result<Arc<CertifiedKey>, Trouble> {
    let setup = |error: rcgen::Error| Trouble::here(error.to_string());
    let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(setup)?;
    let mut params = CertificateParams::new([domain.to_owned()]).map_err(setup)?;
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
    let certificate = params.self_signed(&key).map_err(setup)?;
    let private = PrivateKeyDer::try_from(key.serialize_der())
        .map_err(|error| Trouble::here(error.to_owned()))?;
    let private = provider.key_provider.load_private_key(private);
    let private = private.map_err(|error| Trouble::here(error.to_string()))?;
    Ok(Arc::new(CertifiedKey::new(
        vec![certificate.der().clone()],
        private,
    )))
}
