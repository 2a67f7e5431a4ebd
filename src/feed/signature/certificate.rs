//! RSA keys and their X.509 certificates (RFC 5280): made here, or read from an operator's files.
//!
//! A certificate that is made here is signed by a root of our own, which receivers may trust once and for all; the
//! key that signs messages can then change without them. Beside what RFC 5280 demands it says only what it is for.

use std::time::Duration;

use aws_lc_rs::{
    digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest},
    encoding::{AsDer as _, Pkcs8V1Der, PublicKeyX509Der},
    rand::SystemRandom,
    rsa::{KeyPair, KeySize},
    signature::{KeyPair as _, RSA_PKCS1_SHA256},
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject as _};
use x509_cert::{
    Certificate as X509, TbsCertificate, Version,
    attr::AttributeTypeAndValue,
    der::{
        self, Any, Decode as _, Encode as _,
        asn1::{
            BitString, GeneralizedTime, Null, ObjectIdentifier, OctetString, SetOfVec, UtcTime, Utf8StringRef,
        },
    },
    ext::{
        AsExtension, Extension,
        pkix::{AuthorityKeyIdentifier, BasicConstraints, KeyUsage, KeyUsages, SubjectKeyIdentifier},
    },
    name::{Name, RelativeDistinguishedName},
    serial_number::SerialNumber,
    spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned},
    time::{Time, Validity},
};

use crate::domain::{sources::Random, time::Timestamp};

const DAY_SECS: i64 = 24 * 60 * 60;
/// Clocks of receivers may be behind ours.
const BEFORE_SECS: i64 = DAY_SECS;
const ROOT_DAYS: i64 = 20 * 365;
const LEAF_DAYS: i64 = 2 * 365;
/// The first year that is not written with two digits (RFC 5280, section 4.1.2.5).
const YEAR_2050_SECS: i64 = 2_524_608_000;
const SERIAL_BYTES: usize = 16;

const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
const ORGANIZATION_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.10");
const SHA256_WITH_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");

/// A key and its certificate.
pub struct Certified {
    /// The certificate in DER.
    pub certificate: Vec<u8>,
    /// Its private key.
    pub key: KeyPair,
}

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// The machine could not make a key, or sign with it.
    #[error("no RSA key could be made or used")]
    Key,
    /// What should be in a certificate cannot be written or read.
    #[error("the certificate cannot be written or read: {0}")]
    Der(#[from] der::Error),
    /// A file of the operator holds no certificate or no key in PEM.
    #[error("no PEM with {0}: {1}")]
    Pem(&'static str, pem::Error),
    /// The operator's key is of another kind.
    #[error("the private key is no RSA key of 2048 to 8192 bits in PKCS#8 or PKCS#1")]
    NotRsa,
    /// The certificates of the operator's file are not in order.
    #[error(
        "certificate {0} in the file is not the issuer of the one before; put the server's first, then its issuers"
    )]
    NotTheIssuer(usize),
    /// The operator's files do not belong together.
    #[error("the private key is not that of the first certificate in the file")]
    OtherKey,
}

impl Certified {
    /// Makes a root, which signs the certificates of other keys. Takes up to a second.
    pub fn root(organization: &str, now: Timestamp, random: &Random) -> Result<Self, CertificateError> {
        let key = KeyPair::generate(KeySize::Rsa3072).map_err(|_| CertificateError::Key)?;
        let public = public_key(&key)?;
        let name = name(organization, "Liaison webhook root")?;
        let usage = KeyUsage(KeyUsages::KeyCertSign | KeyUsages::CRLSign);
        let extensions = vec![
            extension(&name, &BasicConstraints { ca: true, path_len_constraint: Some(0) })?,
            extension(&name, &usage)?,
            extension(&name, &SubjectKeyIdentifier(key_id(&public)?))?,
        ];
        let validity = Validity {
            not_before: time(now.plus_secs(-BEFORE_SECS))?,
            not_after: time(now.plus_secs(ROOT_DAYS * DAY_SECS))?,
        };
        let tbs = tbs(name.clone(), name, validity, public, extensions, random)?;
        let certificate = sign(tbs, &key)?;
        Ok(Self { certificate, key })
    }

    /// Makes a key for messages, with a certificate that `self`, a root, signs. Takes a fraction of a second.
    ///
    /// It is valid from the same time as the root: a sandbox's clock may be ahead of that of every receiver.
    pub fn leaf(
        &self,
        organization: &str,
        now: Timestamp,
        random: &Random,
    ) -> Result<Self, CertificateError> {
        let root = X509::from_der(&self.certificate)?.tbs_certificate;
        let key = KeyPair::generate(KeySize::Rsa2048).map_err(|_| CertificateError::Key)?;
        let public = public_key(&key)?;
        let name = name(organization, "Liaison webhooks")?;
        let issuer_key = AuthorityKeyIdentifier {
            key_identifier: Some(key_id(&root.subject_public_key_info)?),
            authority_cert_issuer: None,
            authority_cert_serial_number: None,
        };
        let extensions = vec![
            extension(&name, &BasicConstraints { ca: false, path_len_constraint: None })?,
            extension(&name, &KeyUsage(KeyUsages::DigitalSignature.into()))?,
            extension(&name, &SubjectKeyIdentifier(key_id(&public)?))?,
            extension(&name, &issuer_key)?,
        ];
        let validity = Validity {
            not_before: root.validity.not_before,
            not_after: time(now.plus_secs(LEAF_DAYS * DAY_SECS))?,
        };
        let tbs = tbs(root.subject, name, validity, public, extensions, random)?;
        let certificate = sign(tbs, &self.key)?;
        Ok(Self { certificate, key })
    }

    /// Reads what [`Certified::secret`] wrote down.
    pub fn read(certificate: Vec<u8>, secret: &[u8]) -> Result<Self, CertificateError> {
        let key = KeyPair::from_pkcs8(secret).map_err(|_| CertificateError::NotRsa)?;
        Self::of(certificate, key)
    }

    /// Reads an operator's certificate and private key from PEM. Of several certificates the first counts, and is what
    /// receivers fetch: the contract has one certificate at an address. The others must lead from it to its root, each
    /// the issuer of the one before, so that a file in the wrong order is noticed here and not by receivers.
    pub fn read_pem(certificates: &[u8], private_key: &[u8]) -> Result<Self, CertificateError> {
        let chain = CertificateDer::pem_slice_iter(certificates)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| CertificateError::Pem("a certificate", error))?;
        let missing = || CertificateError::Pem("a certificate", pem::Error::NoItemsFound);
        let certificate = chain.first().ok_or_else(missing)?;
        for (place, pair) in (2..).zip(chain.windows(2)) {
            if let [issued, issuer] = pair
                && X509::from_der(issued)?.tbs_certificate.issuer
                    != X509::from_der(issuer)?.tbs_certificate.subject
            {
                return Err(CertificateError::NotTheIssuer(place));
            }
        }
        let key = PrivateKeyDer::from_pem_slice(private_key)
            .map_err(|error| CertificateError::Pem("a private key", error))?;
        let key = match &key {
            PrivateKeyDer::Pkcs8(key) => KeyPair::from_pkcs8(key.secret_pkcs8_der()),
            PrivateKeyDer::Pkcs1(key) => KeyPair::from_der(key.secret_pkcs1_der()),
            _ => return Err(CertificateError::NotRsa),
        };
        Self::of(certificate.to_vec(), key.map_err(|_| CertificateError::NotRsa)?)
    }

    fn of(certificate: Vec<u8>, key: KeyPair) -> Result<Self, CertificateError> {
        let certified = X509::from_der(&certificate)?.tbs_certificate.subject_public_key_info;
        match certified.subject_public_key == public_key(&key)?.subject_public_key {
            true => Ok(Self { certificate, key }),
            false => Err(CertificateError::OtherKey),
        }
    }

    /// Returns the private key in PKCS#8, to be written down.
    pub fn secret(&self) -> Result<Vec<u8>, CertificateError> {
        let der: Pkcs8V1Der<'_> = self.key.as_der().map_err(|_| CertificateError::Key)?;
        Ok(der.as_ref().to_vec())
    }

    /// Signs `bytes` with RSASSA-PKCS1-v1_5 and SHA-256.
    pub fn sign(&self, bytes: &[u8]) -> Result<Vec<u8>, CertificateError> {
        rsa_sign(&self.key, bytes)
    }
}

impl std::fmt::Debug for Certified {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Certified(…)")
    }
}

/// Returns the time after which a certificate in DER is no longer valid.
pub fn valid_until(certificate: &[u8]) -> Result<Timestamp, CertificateError> {
    let validity = X509::from_der(certificate)?.tbs_certificate.validity;
    let secs = validity.not_after.to_unix_duration().as_secs();
    Ok(Timestamp::from_unix_secs(i64::try_from(secs).unwrap_or(i64::MAX)))
}

/// Returns a name for a certificate that another one cannot have: the beginning of its SHA-256, in hexadecimal digits.
pub fn name_of(certificate: &[u8]) -> String {
    let hash = digest(&SHA256, certificate);
    hash.as_ref().iter().take(16).map(|it| format!("{it:02x}")).collect()
}

fn tbs(
    issuer: Name,
    subject: Name,
    validity: Validity,
    subject_public_key_info: SubjectPublicKeyInfoOwned,
    extensions: Vec<Extension>,
    random: &Random,
) -> Result<TbsCertificate, CertificateError> {
    let mut serial: [u8; SERIAL_BYTES] = random.bytes();
    // Positive, and never shorter than its bytes.
    serial[0] = serial[0] & 0x7f | 0x40;
    Ok(TbsCertificate {
        version: Version::V3,
        serial_number: SerialNumber::new(&serial)?,
        signature: algorithm(),
        issuer,
        validity,
        subject,
        subject_public_key_info,
        issuer_unique_id: None,
        subject_unique_id: None,
        extensions: Some(extensions),
    })
}

fn sign(tbs: TbsCertificate, key: &KeyPair) -> Result<Vec<u8>, CertificateError> {
    let signature = BitString::from_bytes(&rsa_sign(key, &tbs.to_der()?)?)?;
    let certificate = X509 { tbs_certificate: tbs, signature_algorithm: algorithm(), signature };
    Ok(certificate.to_der()?)
}

fn rsa_sign(key: &KeyPair, bytes: &[u8]) -> Result<Vec<u8>, CertificateError> {
    let mut signature = vec![0; key.public_modulus_len()];
    // This padding needs no randomness; the library asks for a source all the same.
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), bytes, &mut signature)
        .map_err(|_| CertificateError::Key)?;
    Ok(signature)
}

fn algorithm() -> AlgorithmIdentifierOwned {
    AlgorithmIdentifierOwned { oid: SHA256_WITH_RSA, parameters: Some(Any::from(Null)) }
}

fn public_key(key: &KeyPair) -> Result<SubjectPublicKeyInfoOwned, CertificateError> {
    let der: PublicKeyX509Der<'_> = key.public_key().as_der().map_err(|_| CertificateError::Key)?;
    Ok(SubjectPublicKeyInfoOwned::from_der(der.as_ref())?)
}

/// Returns what tells keys apart in chains: SHA-1 as in RFC 5280, section 4.2.1.2. Nothing rests on its strength.
fn key_id(public: &SubjectPublicKeyInfoOwned) -> Result<OctetString, CertificateError> {
    let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, public.subject_public_key.raw_bytes());
    Ok(OctetString::new(hash.as_ref())?)
}

fn name(organization: &str, common_name: &str) -> Result<Name, CertificateError> {
    let part = |oid, text| -> Result<_, CertificateError> {
        let value = Any::from(Utf8StringRef::new(text)?);
        let set = SetOfVec::try_from(vec![AttributeTypeAndValue { oid, value }])?;
        Ok(RelativeDistinguishedName::from(set))
    };
    Ok(vec![part(ORGANIZATION_NAME, organization)?, part(COMMON_NAME, common_name)?].into())
}

fn extension(subject: &Name, extension: &impl AsExtension) -> Result<Extension, CertificateError> {
    Ok(extension.to_extension(subject, &[])?)
}

fn time(at: Timestamp) -> Result<Time, CertificateError> {
    let since_1970 = Duration::from_secs(u64::try_from(at.unix_secs()).unwrap_or(0));
    Ok(match at.unix_secs() < YEAR_2050_SECS {
        true => Time::UtcTime(UtcTime::from_unix_duration(since_1970)?),
        false => Time::GeneralTime(GeneralizedTime::from_unix_duration(since_1970)?),
    })
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::STANDARD};

    use super::*;
    use crate::auth::testing;

    /// 2026-11-22.
    const NOW: Timestamp = Timestamp::from_unix_secs(1_795_338_000);

    #[test]
    fn a_leaf_chains_to_its_root_and_names_its_organization() {
        let root = Certified::root("Contoso, Ltd. \"Süd\"", NOW, &testing::random()).unwrap();
        let leaf = root.leaf("Contoso", NOW, &testing::random()).unwrap();

        let (issuer, certificate) =
            (X509::from_der(&root.certificate).unwrap(), X509::from_der(&leaf.certificate).unwrap());
        let tbs = &certificate.tbs_certificate;
        assert_eq!(tbs.issuer, issuer.tbs_certificate.subject);
        assert_eq!(tbs.subject.to_string(), "CN=Liaison webhooks,O=Contoso");
        assert_eq!(tbs.validity.not_before, issuer.tbs_certificate.validity.not_before);
        assert_eq!(valid_until(&leaf.certificate).unwrap(), NOW.plus_secs(LEAF_DAYS * DAY_SECS));
        assert_ne!(name_of(&leaf.certificate), name_of(&root.certificate));
    }

    #[test]
    fn of_a_chain_the_first_certificate_signs_and_the_order_counts() {
        let root = Certified::root("Operator", NOW, &testing::random()).unwrap();
        let leaf = root.leaf("Operator", NOW, &testing::random()).unwrap();
        let stranger = Certified::root("Stranger", NOW, &testing::random()).unwrap();
        let pem = |label: &str, der: &[u8]| {
            format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
        };
        let read = |chain: &[&Certified], key: &Certified| {
            let chain: String = chain.iter().map(|it| pem("CERTIFICATE", &it.certificate)).collect();
            let key = pem("PRIVATE KEY", &key.secret().unwrap());
            Certified::read_pem(chain.as_bytes(), key.as_bytes())
        };

        assert_eq!(read(&[&leaf, &root], &leaf).unwrap().certificate, leaf.certificate);
        assert!(matches!(read(&[&root, &leaf], &root), Err(CertificateError::NotTheIssuer(2))));
        assert!(matches!(read(&[&leaf, &root, &stranger], &leaf), Err(CertificateError::NotTheIssuer(3))));
        assert!(matches!(read(&[], &leaf), Err(CertificateError::Pem(..))));
    }

    #[test]
    fn what_was_written_down_signs_alike() {
        let root = Certified::root("Contoso", NOW, &testing::random()).unwrap();
        let read = Certified::read(root.certificate.clone(), &root.secret().unwrap()).unwrap();

        assert_eq!(root.sign(b"body").unwrap(), read.sign(b"body").unwrap());
        let other = Certified::root("Contoso", NOW, &testing::random()).unwrap();
        let mixed = Certified::read(other.certificate, &root.secret().unwrap());
        assert!(matches!(mixed, Err(CertificateError::OtherKey)));
    }
}
