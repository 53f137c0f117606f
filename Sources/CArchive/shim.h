#pragma once
#include <sys/types.h>
// The library's header includes <sys/stat.h> for one pointer to it. Kept out, or Swift takes this
// module for the one that defines `stat`, and every file that uses it would have to import it.
#ifndef _SYS_STAT_H
#define _SYS_STAT_H 1
struct stat;
#include <archive.h>
#include <archive_entry.h>
#undef _SYS_STAT_H
#else
#include <archive.h>
#include <archive_entry.h>
#endif
#include <locale.h>

/// A locale in which names are UTF-8, whatever the process runs in; the mask is a macro Swift can't see.
static inline locale_t CArchive_utf8_locale(void) {
    return newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
}
