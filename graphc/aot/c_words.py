"""Words of C and C++ that programs cannot use for names of their own."""

from __future__ import annotations

import re
from typing import Final


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# C23 and C++20.
_KEYWORDS: Final = _words("""
    alignas alignof and and_eq asm auto bitand bitor bool break case catch char char16_t char32_t char8_t
    class co_await co_return co_yield compl concept const const_cast consteval constexpr constinit continue
    decltype default delete do double dynamic_cast else enum explicit export extern false float for friend
    goto if inline int long mutable namespace new noexcept not not_eq nullptr operator or or_eq private
    protected public register reinterpret_cast requires restrict return short signed sizeof static
    static_assert static_cast struct switch template this thread_local throw true try typedef typeid
    typename typeof typeof_unqual union unsigned using virtual void volatile wchar_t while xor xor_eq
""")
# Types, constants and macros of the standard headers; what they define as families is in the pattern.
_DEFINED: Final = _words("""
    BUFSIZ CLOCKS_PER_SEC DECIMAL_DIG E2BIG EACCES EADDRINUSE EADDRNOTAVAIL EADV EAFNOSUPPORT EAGAIN
    EALREADY EBADE EBADF EBADFD EBADMSG EBADR EBADRQC EBADSLT EBFONT EBUSY ECANCELED ECHILD ECHRNG ECOMM
    ECONNABORTED ECONNREFUSED ECONNRESET EDEADLK EDEADLOCK EDESTADDRREQ EDOM EDOTDOT EDQUOT EEXIST EFAULT
    EFBIG EHOSTDOWN EHOSTUNREACH EHWPOISON EIDRM EILSEQ EINPROGRESS EINTR EINVAL EIO EISCONN EISDIR EISNAM
    EKEYEXPIRED EKEYREJECTED EKEYREVOKED EL2HLT EL2NSYNC EL3HLT EL3RST ELIBACC ELIBBAD ELIBEXEC ELIBMAX
    ELIBSCN ELNRNG ELOOP EMEDIUMTYPE EMFILE EMLINK EMSGSIZE EMULTIHOP ENAMETOOLONG ENAVAIL ENETDOWN
    ENETRESET ENETUNREACH ENFILE ENOANO ENOBUFS ENOCSI ENODATA ENODEV ENOENT ENOEXEC ENOKEY ENOLCK ENOLINK
    ENOMEDIUM ENOMEM ENOMSG ENONET ENOPKG ENOPROTOOPT ENOSPC ENOSR ENOSTR ENOSYS ENOTBLK ENOTCONN ENOTDIR
    ENOTEMPTY ENOTNAM ENOTRECOVERABLE ENOTSOCK ENOTSUP ENOTTY ENOTUNIQ ENXIO EOF EOPNOTSUPP EOVERFLOW
    EOWNERDEAD EPERM EPFNOSUPPORT EPIPE EPROTO EPROTONOSUPPORT EPROTOTYPE ERANGE EREMCHG EREMOTE EREMOTEIO
    ERESTART ERFKILL EROFS ESHUTDOWN ESOCKTNOSUPPORT ESPIPE ESRCH ESRMNT ESTALE ESTRPIPE ETIME ETIMEDOUT
    ETOOMANYREFS ETXTBSY EUCLEAN EUNATCH EUSERS EWOULDBLOCK EXDEV EXFULL FILENAME_MAX I INFINITY L_tmpnam
    NAN NULL TMP_MAX WEOF complex errno imaginary int16_t int32_t int64_t int8_t linux math_errhandling
    ptrdiff_t size_t stderr stdin stdout uint16_t uint32_t uint64_t uint8_t unix
""")
_FAMILIES: Final = re.compile(
    r"(PRI|SCN)[diouxX](LEAST|FAST)?(8|16|32|64|MAX|PTR)"
    r"|SIG[A-Z0-9]+|(SIG|LC|FE|FP|FLT|DBL|LDBL|M|MATH|SEEK|EXIT|RAND|MB|HUGE|FOPEN)_[A-Z0-9_]+"
    r"|U?(INT|CHAR|SHRT|LONG|LLONG|INTMAX|INTPTR|(INT(_LEAST|_FAST)?(8|16|32|64)))_(MAX|MIN)"
    r"|(SCHAR|USHRT|PTRDIFF|SIZE|WCHAR|WINT|CHAR|MB_CUR|MB_LEN)_(MAX|MIN|BIT)"
    r"|GRAPHC_\w+_H|\w+_(WORKSPACE|WEIGHTS)_BYTES"
)
# Functions of real numbers; each has one for float and for long double.
_REAL: Final = _words("""
    acos acosh asin asinh atan atan2 atanh cabs cacos cacosh carg casin casinh catan catanh cbrt ccos ccosh
    ceil cexp cimag clog conj copysign cos cosh cpow cproj creal csin csinh csqrt ctan ctanh erf erfc exp
    exp2 expm1 fabs fdim floor fma fmax fmin fmod frexp hypot ilogb ldexp lgamma llrint llround log log10
    log1p log2 logb lrint lround modf nan nearbyint nextafter nexttoward pow remainder remquo rint round
    scalbln scalbn sin sinh sqrt tan tanh tgamma trunc
""")
# The other functions of the C library and of POSIX (IEEE 1003.1-2017): a program that defined one of them
# would replace it everywhere.
_OTHER: Final = _words("""
    a64l abort abs accept access alarm alphasort asctime atexit atof atoi atol atoll bcmp bcopy bind bsearch
    btowc bzero calloc cfgetispeed cfgetospeed cfsetispeed cfsetospeed chdir chmod chown clearerr clock
    clone close closedir closelog confstr connect creat ctermid ctime difftime dirfd div dlclose dlerror
    dlopen dlsym dprintf drand48 drem dup dup2 duplocale endgrent endhostent endnetent endprotoent endpwent
    endservent erand48 error execl execle execlp execv execve execvp exit exp10 faccessat fchdir fchmod
    fchmodat fchown fchownat fclose fcntl fdatasync fdopen fdopendir feclearexcept fegetenv fegetexceptflag
    fegetround feholdexcept feof feraiseexcept ferror fesetenv fesetexceptflag fesetround fetestexcept
    feupdateenv fexecve fflush ffs fgetc fgetpos fgets fgetwc fgetws fileno flockfile fmemopen fopen fork
    fpathconf fprintf fputc fputs fputwc fputws fread free freeaddrinfo freelocale freopen fscanf fseek
    fseeko fsetpos fstat fstatat fsync ftell ftello ftok ftruncate ftrylockfile ftw funlockfile futimens
    fwide fwprintf fwrite fwscanf gamma getaddrinfo getc getchar getcwd getdate getdelim getegid getenv
    geteuid getgid getgrent getgrgid getgrnam getgroups gethostbyaddr gethostbyname gethostent gethostid
    gethostname getitimer getline getlogin getnameinfo getnetbyaddr getnetbyname getnetent getopt
    getpeername getpgid getpgrp getpid getppid getprotobyname getprotobynumber getprotoent getpwent getpwnam
    getpwuid gets getservbyname getservbyport getservent getsid getsockname getsockopt getsubopt
    gettimeofday getuid getwc getwchar glob globfree gmtime grantpt hcreate hdestroy hsearch htonl htons
    imaxabs imaxdiv index initstate insque int isalnum isalpha isascii isatty isblank iscntrl isdigit
    isgraph islower isprint ispunct isspace isupper iswalnum iswalpha iswblank iswcntrl iswctype iswdigit
    iswgraph iswlower iswprint iswpunct iswspace iswupper iswxdigit isxdigit j0 j1 jn jrand48 kill killpg
    l64a labs lchown lcong48 ldiv lfind link linkat listen llabs lldiv localeconv localtime lockf longjmp
    lrand48 lsearch lseek lstat main malloc mblen mbrlen mbrtowc mbsinit mbsnrtowcs mbsrtowcs mbstowcs
    mbtowc memccpy memchr memcmp memcpy memmove memset mkdir mkdirat mkdtemp mkfifo mkfifoat mknod mknodat
    mkstemp mktime mlock mlockall mmap mount mprotect mrand48 msgctl msgget msgrcv msgsnd msync munlock
    munlockall munmap nanosleep newlocale nftw nice nrand48 ntohl ntohs open openat opendir openlog pathconf
    pause pclose perror pipe poll popen pread printf pselect psiginfo psignal ptsname putc putchar putenv
    puts putwc putwchar pwrite qsort raise rand random read readdir readlink readlinkat readv realloc
    realpath reboot recv recvfrom recvmsg regcomp regerror regexec regfree remove remque rename renameat
    rewind rewinddir rindex rmdir scalb scandir scanf seed48 seekdir select semctl semget semop send sendmsg
    sendto setbuf setegid setenv seteuid setgid setgrent sethostent setitimer setjmp setlocale setlogmask
    setnetent setpgid setpgrp setprotoent setpwent setregid setreuid setservent setsid setsockopt setstate
    setuid setvbuf shmat shmctl shmdt shmget shutdown sigaction sigaddset sigaltstack sigdelset sigemptyset
    sigfillset sighold sigignore siginterrupt sigismember siglongjmp signal significand sigpause sigpending
    sigprocmask sigqueue sigrelse sigset sigsuspend sigtimedwait sigwait sigwaitinfo sincos sleep snprintf
    sockatmark socket socketpair splice sprintf srand srand48 srandom sscanf stat stpcpy stpncpy strcasecmp
    strcat strchr strcmp strcoll strcpy strcspn strdup strerror strfmon strftime strlen strncasecmp strncat
    strncmp strncpy strndup strnlen strpbrk strptime strrchr strsignal strspn strstr strtod strtof strtoimax
    strtok strtol strtold strtoll strtoul strtoull strtoumax strxfrm swab swprintf swscanf symlink symlinkat
    sync sysconf syslog system tcdrain tcflow tcflush tcgetattr tcgetpgrp tcgetsid tcsendbreak tcsetattr
    tcsetpgrp tdelete tee telldir tempnam tfind time times tmpfile tmpnam toascii tolower toupper towctrans
    towlower towupper truncate tsearch ttyname twalk tzset umask ungetc ungetwc unlink unlinkat unlockpt
    unsetenv uselocale utime utimensat utimes vdprintf vfprintf vfscanf vfwprintf vfwscanf vprintf vscanf
    vsnprintf vsprintf vsscanf vswprintf vswscanf vwprintf vwscanf wait waitid waitpid wcpcpy wcpncpy
    wcrtomb wcscasecmp wcscat wcschr wcscmp wcscoll wcscpy wcscspn wcsdup wcsftime wcslen wcsncasecmp
    wcsncat wcsncmp wcsncpy wcsnlen wcsnrtombs wcspbrk wcsrchr wcsrtombs wcsspn wcsstr wcstod wcstof
    wcstoimax wcstok wcstol wcstold wcstoll wcstombs wcstoul wcstoull wcstoumax wcswcs wcswidth wcsxfrm
    wctob wctomb wctrans wctype wcwidth wmemchr wmemcmp wmemcpy wmemmove wmemset wordexp wordfree wprintf
    write writev wscanf y0 y1 yn
""")
_FUNCTIONS: Final = _OTHER | {word + suffix for word in _REAL for suffix in ("", "f", "l")}


def is_reserved(word: str) -> bool:
    """Whether `word` is a keyword, or a macro of a standard header: no name for a parameter."""
    return word in _KEYWORDS or word in _DEFINED or _FAMILIES.fullmatch(word) is not None


def is_of_the_library(word: str) -> bool:
    """Whether `word` means something else already to every program that is linked with the C library."""
    return is_reserved(word) or word in _FUNCTIONS
