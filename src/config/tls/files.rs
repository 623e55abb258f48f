//! The files in which certificates are.

use std::fs::File;
use std::path::PathBuf;

use super::Places;
use crate::config::parameters::{Param, Params};
use crate::config::report::Report;
use crate::target::Tls;

/// The files the parameters name.
pub(super) struct Files {
    pub(super) root: Option<Param>,
    certificate: Option<Param>,
    key: Option<Param>,
}

impl Files {
    /// Takes the names of all frameworks.
    pub(super) fn take(params: &mut Params, prisma: bool, report: &mut Report) -> Self {
        let root = params.take_any(&["sslrootcert", "sslca", "xtlsca"], report);
        let certificate = params.take_any(&["sslcert", "xtlscert"], report);
        let key = params.take_any(&["sslkey", "xtlskey"], report);
        // In Prisma's URLs sslcert is the server's authority; its client certificates are PKCS #12.
        if prisma && key.is_none() && root.is_none() {
            return Self { root: certificate, certificate: None, key };
        }
        Self { root, certificate, key }
    }

    /// The client's certificate and key: both, or none.
    pub(super) fn client(
        &self,
        tls: &mut Tls,
        default_certificate: Option<PathBuf>,
        default_key: Option<PathBuf>,
        places: Places<'_>,
        report: &mut Report,
    ) {
        match (&self.certificate, &self.key) {
            (Some(certificate), key) => {
                tls.certificate = readable(certificate, places, report);
                tls.key = match key {
                    Some(key) => readable(key, places, report),
                    None => default_key,
                };
                if tls.key.is_none() && key.is_none() {
                    report.mistake(certificate.mistake(
                        "is the client's certificate and needs sslkey=FILE; the authority of the server's is sslrootcert=FILE",
                    ));
                }
            }
            (None, Some(key)) => {
                tls.certificate = default_certificate;
                tls.key = readable(key, places, report);
                if tls.certificate.is_none() {
                    report.mistake(key.mistake("needs the client's certificate: write sslcert=FILE"));
                }
            }
            (None, None) if default_key.is_some() && default_certificate.is_some() => {
                tls.certificate = default_certificate;
                tls.key = default_key;
            }
            (None, None) => {}
        }
    }
}

/// The file a parameter names, if it can be read.
pub(super) fn readable(param: &Param, places: Places<'_>, report: &mut Report) -> Option<PathBuf> {
    let path = places.directory.join(&param.value);
    let opened = File::open(&path).map(|_| path).map_err(|error| {
        param.mistake(&format!("names the file {}, which cannot be read: {error}", param.value))
    });
    report.accept(opened)
}
