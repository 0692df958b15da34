//! Timestamps (RFC 3161): an independent service states when it received the digest of a
//! checkpoint.

use std::{path::Path, time::Duration};

use chrono::{DateTime, Utc};
use cms::signed_data::{SignedData, SignerInfo};
use der::{
    Decode, Encode,
    asn1::{Int, Null, ObjectIdentifier, OctetString},
};
use ring::signature::{self as algorithms, UnparsedPublicKey, VerificationAlgorithm};
use sha2::{Digest, Sha256, Sha384, Sha512};
use x509_cert::{Certificate, spki::AlgorithmIdentifierOwned};
use x509_tsp::{MessageImprint, TimeStampReq, TimeStampResp, TspVersion, TstInfo};

use crate::{
    error::{Error, Result},
    files,
};

/// Maximum size of a file of certificates, in bytes.
const LARGEST_FILE: u64 = 1 << 20;

/// Time limit for the service's response.
const ANSWER: Duration = Duration::from_secs(20);
/// Maximum size of a response, in bytes.
const LARGEST: u64 = 1 << 16;

const SHA_256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
const SHA_384: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2");
const SHA_512: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3");
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P_256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P_384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const TST_INFO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.1.4");
const MESSAGE_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");

/// Requests a timestamp of a text from the service at `url`. Returns the token in DER.
///
/// # Errors
/// INTERNAL with the network error, or the error of the service.
pub async fn request(url: &str, text: &str) -> Result<Vec<u8>> {
    let (url, text) = (url.to_owned(), text.to_owned());
    let asked =
        tokio::task::spawn_blocking(move || ask(&url, &text)).await.map_err(Error::internal)?;
    asked.map_err(|reason| {
        Error::internal(std::io::Error::other(format!(
            "the timestamp service gave no timestamp: {reason}"
        )))
    })
}

/// Checks that the service at `url` gives a timestamp, by requesting one of a fixed text.
///
/// # Errors
/// The network error, or the error of the service.
pub async fn probe(url: &str) -> Result<(), String> {
    let url = url.to_owned();
    let asked = tokio::task::spawn_blocking(move || ask(&url, "samregister doctor").map(drop));
    asked.await.map_err(said)?
}

/// Returns the client of the service.
fn agent() -> ureq::Agent {
    let tls =
        ureq::tls::TlsConfig::builder().root_certs(ureq::tls::RootCerts::PlatformVerifier).build();
    ureq::Agent::config_builder()
        .max_redirects(0)
        .timeout_global(Some(ANSWER))
        .tls_config(tls)
        .build()
        .new_agent()
}

fn ask(url: &str, text: &str) -> Result<Vec<u8>, String> {
    let mut nonce = rand::random::<[u8; 8]>();
    // Positive, and without a leading zero.
    nonce[0] = nonce[0] & 0x7f | 0x40;
    let nonce = Int::new(&nonce).map_err(said)?;
    let query = TimeStampReq {
        version: TspVersion::V1,
        message_imprint: imprint(text)?,
        req_policy: None,
        nonce: Some(nonce.clone()),
        cert_req: true,
        extensions: None,
    };
    let sent = agent()
        .post(url)
        .header("Content-Type", "application/timestamp-query")
        .send(&query.to_der().map_err(said)?[..]);
    let answer =
        sent.map_err(said)?.body_mut().with_config().limit(LARGEST).read_to_vec().map_err(said)?;
    let answer = TimeStampResp::from_der(&answer)
        .map_err(|_| "its answer is no timestamp response".to_owned())?;
    let status = answer.status.status;
    let token = answer
        .time_stamp_token
        .ok_or_else(|| format!("its status is {status:?}"))?
        .to_der()
        .map_err(said)?;
    let (_, info) = read(&token)?;
    if info.nonce != Some(nonce) || info.message_imprint != query.message_imprint {
        return Err("it dated something else".to_owned());
    }
    Ok(token)
}

fn said(cause: impl std::fmt::Display) -> String {
    cause.to_string()
}

fn imprint(text: &str) -> Result<MessageImprint, String> {
    let parameters = Some(der::Any::encode_from(&Null).map_err(said)?);
    let hashed_message = OctetString::new(Sha256::digest(text).to_vec()).map_err(said)?;
    Ok(MessageImprint {
        hash_algorithm: AlgorithmIdentifierOwned { oid: SHA_256, parameters },
        hashed_message,
    })
}

fn read(token: &[u8]) -> Result<(SignedData, TstInfo), String> {
    let unreadable = "its timestamp can't be read";
    let content = x509_tsp::TimeStampToken::from_der(token).map_err(|_| unreadable)?.content;
    let signed =
        SignedData::from_der(&content.to_der().map_err(|_| unreadable)?).map_err(|_| unreadable)?;
    if signed.encap_content_info.econtent_type != TST_INFO {
        return Err(unreadable.to_owned());
    }
    let info = signed.encap_content_info.econtent.as_ref().ok_or(unreadable)?;
    let info = TstInfo::from_der(info.value()).map_err(|_| unreadable)?;
    Ok((signed, info))
}

/// Reads the certificates of a PEM file.
///
/// # Errors
/// INVALID naming the setting and the error of the file.
pub fn certificates(setting: &str, file: &Path) -> Result<Vec<Certificate>> {
    let bad = |reason: String| {
        Error::invalid(setting, format!("names {}, which {reason}", file.display()))
    };
    let text =
        files::read(file, LARGEST_FILE).map_err(|error| bad(format!("can't be read: {error}")))?;
    let found = Certificate::load_pem_chain(&text)
        .map_err(|_| bad("holds no certificates in PEM".to_owned()))?;
    if found.is_empty() { Err(bad("holds no certificates in PEM".to_owned())) } else { Ok(found) }
}

/// Returns the time of a token for a text, if the key of one of these certificates signed it.
///
/// # Errors
/// The reason for which the token doesn't hold for the text.
pub fn verify(
    token: &[u8],
    text: &str,
    certificates: &[Certificate],
) -> Result<DateTime<Utc>, String> {
    let (signed, info) = read(token)?;
    let imprint = &info.message_imprint;
    if imprint.hash_algorithm.oid != SHA_256
        || imprint.hashed_message.as_bytes() != &Sha256::digest(text)[..]
    {
        return Err("its timestamp is of something else".to_owned());
    }
    let content = signed
        .encap_content_info
        .econtent
        .as_ref()
        .map(|content| content.value().to_vec())
        .unwrap_or_default();
    let holds = |signer: &SignerInfo| {
        certificates
            .iter()
            .any(|certificate| is_signed(signer, &content, certificate).unwrap_or(false))
    };
    if !signed.signer_infos.0.iter().any(holds) {
        return Err(
            "its timestamp was signed by none of the certificates that are trusted".to_owned()
        );
    }
    let seconds = i64::try_from(info.gen_time.to_unix_duration().as_secs()).unwrap_or(i64::MAX);
    DateTime::from_timestamp(seconds, 0).ok_or_else(|| "its timestamp has no time".to_owned())
}

/// `true` if the certificate's key signed the content; `None` for an unreadable signature or an
/// unknown algorithm.
fn is_signed(signer: &SignerInfo, content: &[u8], certificate: &Certificate) -> Option<bool> {
    let attributes = signer.signed_attrs.as_ref()?;
    let stated =
        attributes.iter().find(|attribute| attribute.oid == MESSAGE_DIGEST)?.values.get(0)?;
    let digest = match signer.digest_alg.oid {
        SHA_256 => Sha256::digest(content).to_vec(),
        SHA_384 => Sha384::digest(content).to_vec(),
        SHA_512 => Sha512::digest(content).to_vec(),
        _ => return None,
    };
    if stated.value() != digest {
        return Some(false);
    }
    let key = &certificate.tbs_certificate.subject_public_key_info;
    let curve = || {
        key.algorithm
            .parameters
            .as_ref()
            .and_then(|curve| curve.decode_as::<ObjectIdentifier>().ok())
    };
    let algorithm: &dyn VerificationAlgorithm = match (key.algorithm.oid, signer.digest_alg.oid) {
        (RSA, SHA_256) => &algorithms::RSA_PKCS1_2048_8192_SHA256,
        (RSA, SHA_384) => &algorithms::RSA_PKCS1_2048_8192_SHA384,
        (RSA, SHA_512) => &algorithms::RSA_PKCS1_2048_8192_SHA512,
        (EC, SHA_256) if curve() == Some(P_256) => &algorithms::ECDSA_P256_SHA256_ASN1,
        (EC, SHA_384) if curve() == Some(P_256) => &algorithms::ECDSA_P256_SHA384_ASN1,
        (EC, SHA_256) if curve() == Some(P_384) => &algorithms::ECDSA_P384_SHA256_ASN1,
        (EC, SHA_384) if curve() == Some(P_384) => &algorithms::ECDSA_P384_SHA384_ASN1,
        _ => return None,
    };
    let bytes = key.subject_public_key.as_bytes()?;
    let key = UnparsedPublicKey::new(algorithm, bytes);
    Some(key.verify(&attributes.to_der().ok()?, signer.signature.as_bytes()).is_ok())
}
