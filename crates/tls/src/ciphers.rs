//! Which ciphers are spoken, and in which order: only those that encrypt and authenticate in one, with forward secrecy.

use rustls::{
    SupportedCipherSuite,
    crypto::{
        CryptoProvider,
        ring::{cipher_suite as suite, default_provider},
    },
};

/// Quickest first where the processor has AES instructions. The shorter key is no weaker against anything known.
const AES_FIRST: [SupportedCipherSuite; 9] = [
    suite::TLS13_AES_128_GCM_SHA256,
    suite::TLS13_AES_256_GCM_SHA384,
    suite::TLS13_CHACHA20_POLY1305_SHA256,
    suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
];

/// Quickest first where it has not, as on a Raspberry Pi before the fifth.
const CHACHA20_FIRST: [SupportedCipherSuite; 9] = [
    suite::TLS13_CHACHA20_POLY1305_SHA256,
    suite::TLS13_AES_128_GCM_SHA256,
    suite::TLS13_AES_256_GCM_SHA384,
    suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
];

/// The ciphers for a processor with AES instructions or without.
pub(crate) fn provider(has_aes: bool) -> CryptoProvider {
    let suites = if has_aes { AES_FIRST } else { CHACHA20_FIRST };
    CryptoProvider {
        cipher_suites: suites.to_vec(),
        ..default_provider()
    }
}

/// Whether this processor encrypts AES-GCM by itself. On 32-bit ARM nobody can be asked, and nearly none does.
pub(crate) fn has_aes() -> bool {
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    return std::arch::is_x86_feature_detected!("aes")
        && std::arch::is_x86_feature_detected!("pclmulqdq");
    #[cfg(target_arch = "aarch64")]
    return std::arch::is_aarch64_feature_detected!("aes")
        && std::arch::is_aarch64_feature_detected!("pmull");
    #[cfg(not(any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64")))]
    return false;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_orders_have_every_cipher_once() {
        let all = default_provider().cipher_suites;
        for has_aes in [true, false] {
            let ours = provider(has_aes).cipher_suites;
            assert_eq!(ours.len(), all.len());
            assert!(all.iter().all(|suite| ours.contains(suite)));
            let first = format!("{:?}", ours[0].suite());
            assert_eq!(first.contains("CHACHA20"), !has_aes, "{first}");
            for suite in ours {
                let name = format!("{:?}", suite.suite());
                assert!(name.contains("GCM") || name.contains("POLY1305"), "{name}");
                assert!(
                    name.contains("ECDHE") || name.starts_with("TLS13"),
                    "{name}"
                );
            }
        }
    }
}
