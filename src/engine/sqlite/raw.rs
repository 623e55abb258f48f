//! The calls of SQLite's own interface that sqlx does not offer, each made safe here.

use std::ffi::{c_int, c_void};

use libsqlite3_sys::{
    SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, SQLITE_OK, sqlite3_busy_handler, sqlite3_db_config,
    sqlite3_db_readonly, sqlite3_error_offset, sqlite3_finalize, sqlite3_keyword_check, sqlite3_prepare_v2,
};
use sqlx::sqlite::LockedSqliteHandle;

use super::interrupt::Interrupt;

/// Replaces SQLite's busy timeout by one that a cancellation ends.
pub(super) fn set_busy_handler(handle: &mut LockedSqliteHandle<'_>, interrupt: &'static Interrupt) {
    let context = std::ptr::from_ref(interrupt).cast_mut().cast::<c_void>();
    // SAFETY: the guard keeps sqlx's thread out of the open handle. SQLite stores the pointer and passes it to `on_busy`
    // alone; what it points to is never freed.
    unsafe { sqlite3_busy_handler(handle.as_raw_handle().as_ptr(), Some(on_busy), context) };
}

unsafe extern "C" fn on_busy(context: *mut c_void, attempt: c_int) -> c_int {
    // SAFETY: the only context ever set is the `&'static Interrupt` of `set_busy_handler`, which is all atomics.
    let interrupt = unsafe { &*context.cast::<Interrupt>() };
    c_int::from(interrupt.wait_for_lock(attempt.unsigned_abs()))
}

/// Whether SQLite could open the database for reading only.
pub(super) fn is_read_only(handle: &mut LockedSqliteHandle<'_>) -> bool {
    // SAFETY: the guard keeps sqlx's thread out of the open handle; the name ends with a NUL.
    unsafe { sqlite3_db_readonly(handle.as_raw_handle().as_ptr(), c"main".as_ptr()) == 1 }
}

/// Whether closing leaves the write-ahead log as it is, instead of moving it into the database.
pub(super) fn keep_wal_on_close(handle: &mut LockedSqliteHandle<'_>, keep: bool) {
    // SAFETY: the guard keeps sqlx's thread out of the open handle. This option takes an int and a pointer to an int that
    // may be null (<https://www.sqlite.org/c3ref/c_dbconfig_defensive.html>).
    unsafe {
        sqlite3_db_config(
            handle.as_raw_handle().as_ptr(),
            SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE,
            c_int::from(keep),
            std::ptr::null_mut::<c_int>(),
        );
    }
}

/// Where in a statement SQLite sees an error, in bytes; `None` if it has none to see or does not say where.
pub(super) fn error_offset(handle: &mut LockedSqliteHandle<'_>, statement: &str) -> Option<usize> {
    let length = c_int::try_from(statement.len()).ok()?;
    let database = handle.as_raw_handle().as_ptr();
    let mut prepared = std::ptr::null_mut();
    // SAFETY: the guard keeps sqlx's thread out of the open handle; text and length belong together; what was prepared is
    // finalized at once, and finalizing null is nothing.
    unsafe {
        let result = sqlite3_prepare_v2(
            database,
            statement.as_ptr().cast(),
            length,
            &raw mut prepared,
            std::ptr::null_mut(),
        );
        let offset = if result == SQLITE_OK { -1 } else { sqlite3_error_offset(database) };
        sqlite3_finalize(prepared);
        usize::try_from(offset).ok()
    }
}

/// Whether SQLite would take this name for one of its keywords.
pub(super) fn is_keyword(name: &str) -> bool {
    let Ok(length) = c_int::try_from(name.len()) else { return false };
    // SAFETY: reads `length` bytes of `name` and nothing else.
    unsafe { sqlite3_keyword_check(name.as_ptr().cast(), length) != 0 }
}

#[cfg(test)]
mod tests {
    use super::is_keyword;

    #[test]
    fn keywords_are_known_in_any_case() {
        assert!(is_keyword("Order"));
        assert!(!is_keyword("_sqlx_migrations"));
        assert!(!is_keyword(""));
    }
}
