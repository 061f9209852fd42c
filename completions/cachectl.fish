# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_cachectl_global_optspecs
    string join \n config= no-config v/verbose q/quiet color= log-format= show-secrets h/help V/version
end

function __fish_cachectl_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_cachectl_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_cachectl_using_subcommand
    set -l cmd (__fish_cachectl_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c cachectl -n "__fish_cachectl_needs_command" -l config -d 'Read this configuration file and no other' -r -F
complete -c cachectl -n "__fish_cachectl_needs_command" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c cachectl -n "__fish_cachectl_needs_command" -l log-format -d 'How standard error is written; json is one object a line' -r -f -a "text\t''
json\t''"
complete -c cachectl -n "__fish_cachectl_needs_command" -l no-config -d 'Read no configuration file'
complete -c cachectl -n "__fish_cachectl_needs_command" -s v -l verbose -d 'Say more; repeat for requests and store calls (-vv), and everything (-vvv)'
complete -c cachectl -n "__fish_cachectl_needs_command" -s q -l quiet -d 'Say less; repeat to silence warnings too'
complete -c cachectl -n "__fish_cachectl_needs_command" -l show-secrets -d 'Show credentials instead of [redacted]'
complete -c cachectl -n "__fish_cachectl_needs_command" -s h -l help -d 'Print help'
complete -c cachectl -n "__fish_cachectl_needs_command" -s V -l version -d 'Print version'
complete -c cachectl -n "__fish_cachectl_needs_command" -f -a "get" -d 'Fetch a URL through the cache; its body goes to standard output'
complete -c cachectl -n "__fish_cachectl_needs_command" -f -a "fetch" -d 'Fetch a URL through the cache; its body goes to standard output'
complete -c cachectl -n "__fish_cachectl_needs_command" -f -a "warm" -d 'Fetch what is missing or stale into the store, from lists of URLs'
complete -c cachectl -n "__fish_cachectl_needs_command" -f -a "list" -d 'List entries'
complete -c cachectl -n "__fish_cachectl_needs_command" -f -a "ls" -d 'List entries'
complete -c cachectl -n "__fish_cachectl_needs_command" -f -a "inspect" -d 'Show everything known about entries'
complete -c cachectl -n "__fish_cachectl_needs_command" -f -a "show" -d 'Show everything known about entries'
complete -c cachectl -n "__fish_cachectl_needs_command" -f -a "body" -d 'Print the stored body of an entry'
complete -c cachectl -n "__fish_cachectl_needs_command" -f -a "cat" -d 'Print the stored body of an entry'
complete -c cachectl -n "__fish_cachectl_needs_command" -f -a "export" -d 'Write entries into an archive, a HAR, a table or a folder of files'
complete -c cachectl -n "__fish_cachectl_needs_command" -f -a "import" -d 'Take entries from an archive, a HAR or an exported folder into a store'
complete -c cachectl -n "__fish_cachectl_needs_command" -f -a "migrate" -d 'Copy entries from one store into another'
complete -c cachectl -n "__fish_cachectl_needs_command" -f -a "copy" -d 'Copy entries from one store into another'
complete -c cachectl -n "__fish_cachectl_needs_command" -f -a "cp" -d 'Copy entries from one store into another'
complete -c cachectl -n "__fish_cachectl_needs_command" -f -a "diff" -d 'Compare two stores'
complete -c cachectl -n "__fish_cachectl_needs_command" -f -a "convert" -d 'Rewrite entries with another serializer, in place'
complete -c cachectl -n "__fish_cachectl_needs_command" -f -a "touch" -d 'Change TTL, tags or freshness of entries without rewriting bodies'
complete -c cachectl -n "__fish_cachectl_needs_command" -f -a "purge" -d 'Remove the entries that you select'
complete -c cachectl -n "__fish_cachectl_needs_command" -f -a "rm" -d 'Remove the entries that you select'
complete -c cachectl -n "__fish_cachectl_needs_command" -f -a "gc" -d 'Remove what policy says: expired, over size, unused, damaged'
complete -c cachectl -n "__fish_cachectl_needs_command" -f -a "prune" -d 'Remove what policy says: expired, over size, unused, damaged'
complete -c cachectl -n "__fish_cachectl_needs_command" -f -a "stats" -d 'Count entries and bytes, in all and by groups'
complete -c cachectl -n "__fish_cachectl_needs_command" -f -a "du" -d 'Count entries and bytes, in all and by groups'
complete -c cachectl -n "__fish_cachectl_needs_command" -f -a "verify" -d 'Read everything and report damage'
complete -c cachectl -n "__fish_cachectl_needs_command" -f -a "fsck" -d 'Read everything and report damage'
complete -c cachectl -n "__fish_cachectl_needs_command" -f -a "explain" -d 'Say why a request would be a hit or a miss'
complete -c cachectl -n "__fish_cachectl_needs_command" -f -a "why" -d 'Say why a request would be a hit or a miss'
complete -c cachectl -n "__fish_cachectl_needs_command" -f -a "config" -d 'Show and check the configuration'
complete -c cachectl -n "__fish_cachectl_needs_command" -f -a "completions" -d 'Print a completion script for a shell'
complete -c cachectl -n "__fish_cachectl_needs_command" -f -a "man" -d 'Print the manual, or write its pages to a folder'
complete -c cachectl -n "__fish_cachectl_using_subcommand get" -s o -l output -d 'Write the body to FILE, in one piece or not at all; - is standard output, also a terminal' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand get" -s X -l request -d 'Use this request method; only GET is stored' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand get" -s w -l write-out -d 'After the body print TEXT with %{http_code}, %{content_type}, %{size_download}, %{time_total}, %{url_effective}, %{cache}, %{cache_status}, %{cache_key}, %{age}, %{ttl}' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand get" -l retry -d 'Try again so often after connection errors, 429 and 502 to 504; obeys Retry-After' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand get" -l max-stale -d 'Accept stale answers, up to DUR of staleness' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand get" -l stale-if-error -d 'Serve a stale answer when the origin fails, up to DUR of staleness' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand get" -l locked -d 'Give only what this lock file names; anything else is exit 1' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand get" -s H -l header -d 'Send this header field; @FILE reads one a line, to keep secrets out of the process list' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand get" -l max-redirs -d 'Follow at most this many redirects' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand get" -l max-time -d 'Limit the whole of it, redirects and retries included' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand get" -l connect-timeout -d 'Limit connecting [default: 10s]' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand get" -l read-timeout -d 'Limit how long the origin may be silent [default: 30s]' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand get" -l max-age -d 'Accept no answer older than this' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand get" -l tag -d 'Label what is stored now; may be repeated' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand get" -s b -l backend -l store -d 'The store: a kind (file, sqlite, …), an address such as sqlite:cache.db, or a named store of the configuration [default: file]' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand get" -l serializer -d 'How the heads of entries are written: json, yaml or bincode' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand get" -l ttl -d 'How long what is stored now may stay, such as 90s, 2h, 7d; none lifts the store\'s' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand get" -l config -d 'Read this configuration file and no other' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand get" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand get" -l log-format -d 'How standard error is written; json is one object a line' -r -f -a "text\t''
json\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand get" -s i -l include -d 'Print the status line and the header fields before the body'
complete -c cachectl -n "__fish_cachectl_using_subcommand get" -s I -l head -d 'Send HEAD; print the header fields only'
complete -c cachectl -n "__fish_cachectl_using_subcommand get" -l no-location -d 'Do not follow redirects'
complete -c cachectl -n "__fish_cachectl_using_subcommand get" -s L -l location -d 'Follow redirects; the default'
complete -c cachectl -n "__fish_cachectl_using_subcommand get" -s S -l show-error -d 'Errors are shown anyway; accepted so that the habitual -fsSL works'
complete -c cachectl -n "__fish_cachectl_using_subcommand get" -l offline -d 'Open no connection: any stored answer will do, stale ones with a warning'
complete -c cachectl -n "__fish_cachectl_using_subcommand get" -l no-store -d 'Look up nothing and store nothing'
complete -c cachectl -n "__fish_cachectl_using_subcommand get" -l best-effort -d 'Trouble with the store is a warning only: the fetch goes on without it'
complete -c cachectl -n "__fish_cachectl_using_subcommand get" -s f -l fail -d 'Print a status of 400 and above as a failure without its body'
complete -c cachectl -n "__fish_cachectl_using_subcommand get" -l fail-with-body -d 'Print the body of a failure too, also into -o FILE'
complete -c cachectl -n "__fish_cachectl_using_subcommand get" -l no-fail -d 'Treat every status as a success'
complete -c cachectl -n "__fish_cachectl_using_subcommand get" -l why -d 'Explain the decision on standard error'
complete -c cachectl -n "__fish_cachectl_using_subcommand get" -l json -d 'Print a report as JSON; the body goes to -o FILE only'
complete -c cachectl -n "__fish_cachectl_using_subcommand get" -l revalidate -d 'Ask the origin whether the stored answer still holds, even if it is fresh'
complete -c cachectl -n "__fish_cachectl_using_subcommand get" -l refresh -d 'Fetch anew, whatever is stored'
complete -c cachectl -n "__fish_cachectl_using_subcommand get" -l compressed -d 'Ask for gzip, br and zstd; store what comes, undo it on the way out'
complete -c cachectl -n "__fish_cachectl_using_subcommand get" -l force-cache -d 'Store and serve for --ttl even what the headers forbid'
complete -c cachectl -n "__fish_cachectl_using_subcommand get" -l readonly -d 'Change nothing in the store, not even the count of uses'
complete -c cachectl -n "__fish_cachectl_using_subcommand get" -l no-config -d 'Read no configuration file'
complete -c cachectl -n "__fish_cachectl_using_subcommand get" -s v -l verbose -d 'Say more; repeat for requests and store calls (-vv), and everything (-vvv)'
complete -c cachectl -n "__fish_cachectl_using_subcommand get" -s q -l quiet -d 'Say less; repeat to silence warnings too'
complete -c cachectl -n "__fish_cachectl_using_subcommand get" -l show-secrets -d 'Show credentials instead of [redacted]'
complete -c cachectl -n "__fish_cachectl_using_subcommand get" -s h -l help -d 'Print help'
complete -c cachectl -n "__fish_cachectl_using_subcommand fetch" -s o -l output -d 'Write the body to FILE, in one piece or not at all; - is standard output, also a terminal' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand fetch" -s X -l request -d 'Use this request method; only GET is stored' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand fetch" -s w -l write-out -d 'After the body print TEXT with %{http_code}, %{content_type}, %{size_download}, %{time_total}, %{url_effective}, %{cache}, %{cache_status}, %{cache_key}, %{age}, %{ttl}' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand fetch" -l retry -d 'Try again so often after connection errors, 429 and 502 to 504; obeys Retry-After' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand fetch" -l max-stale -d 'Accept stale answers, up to DUR of staleness' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand fetch" -l stale-if-error -d 'Serve a stale answer when the origin fails, up to DUR of staleness' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand fetch" -l locked -d 'Give only what this lock file names; anything else is exit 1' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand fetch" -s H -l header -d 'Send this header field; @FILE reads one a line, to keep secrets out of the process list' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand fetch" -l max-redirs -d 'Follow at most this many redirects' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand fetch" -l max-time -d 'Limit the whole of it, redirects and retries included' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand fetch" -l connect-timeout -d 'Limit connecting [default: 10s]' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand fetch" -l read-timeout -d 'Limit how long the origin may be silent [default: 30s]' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand fetch" -l max-age -d 'Accept no answer older than this' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand fetch" -l tag -d 'Label what is stored now; may be repeated' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand fetch" -s b -l backend -l store -d 'The store: a kind (file, sqlite, …), an address such as sqlite:cache.db, or a named store of the configuration [default: file]' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand fetch" -l serializer -d 'How the heads of entries are written: json, yaml or bincode' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand fetch" -l ttl -d 'How long what is stored now may stay, such as 90s, 2h, 7d; none lifts the store\'s' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand fetch" -l config -d 'Read this configuration file and no other' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand fetch" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand fetch" -l log-format -d 'How standard error is written; json is one object a line' -r -f -a "text\t''
json\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand fetch" -s i -l include -d 'Print the status line and the header fields before the body'
complete -c cachectl -n "__fish_cachectl_using_subcommand fetch" -s I -l head -d 'Send HEAD; print the header fields only'
complete -c cachectl -n "__fish_cachectl_using_subcommand fetch" -l no-location -d 'Do not follow redirects'
complete -c cachectl -n "__fish_cachectl_using_subcommand fetch" -s L -l location -d 'Follow redirects; the default'
complete -c cachectl -n "__fish_cachectl_using_subcommand fetch" -s S -l show-error -d 'Errors are shown anyway; accepted so that the habitual -fsSL works'
complete -c cachectl -n "__fish_cachectl_using_subcommand fetch" -l offline -d 'Open no connection: any stored answer will do, stale ones with a warning'
complete -c cachectl -n "__fish_cachectl_using_subcommand fetch" -l no-store -d 'Look up nothing and store nothing'
complete -c cachectl -n "__fish_cachectl_using_subcommand fetch" -l best-effort -d 'Trouble with the store is a warning only: the fetch goes on without it'
complete -c cachectl -n "__fish_cachectl_using_subcommand fetch" -s f -l fail -d 'Print a status of 400 and above as a failure without its body'
complete -c cachectl -n "__fish_cachectl_using_subcommand fetch" -l fail-with-body -d 'Print the body of a failure too, also into -o FILE'
complete -c cachectl -n "__fish_cachectl_using_subcommand fetch" -l no-fail -d 'Treat every status as a success'
complete -c cachectl -n "__fish_cachectl_using_subcommand fetch" -l why -d 'Explain the decision on standard error'
complete -c cachectl -n "__fish_cachectl_using_subcommand fetch" -l json -d 'Print a report as JSON; the body goes to -o FILE only'
complete -c cachectl -n "__fish_cachectl_using_subcommand fetch" -l revalidate -d 'Ask the origin whether the stored answer still holds, even if it is fresh'
complete -c cachectl -n "__fish_cachectl_using_subcommand fetch" -l refresh -d 'Fetch anew, whatever is stored'
complete -c cachectl -n "__fish_cachectl_using_subcommand fetch" -l compressed -d 'Ask for gzip, br and zstd; store what comes, undo it on the way out'
complete -c cachectl -n "__fish_cachectl_using_subcommand fetch" -l force-cache -d 'Store and serve for --ttl even what the headers forbid'
complete -c cachectl -n "__fish_cachectl_using_subcommand fetch" -l readonly -d 'Change nothing in the store, not even the count of uses'
complete -c cachectl -n "__fish_cachectl_using_subcommand fetch" -l no-config -d 'Read no configuration file'
complete -c cachectl -n "__fish_cachectl_using_subcommand fetch" -s v -l verbose -d 'Say more; repeat for requests and store calls (-vv), and everything (-vvv)'
complete -c cachectl -n "__fish_cachectl_using_subcommand fetch" -s q -l quiet -d 'Say less; repeat to silence warnings too'
complete -c cachectl -n "__fish_cachectl_using_subcommand fetch" -l show-secrets -d 'Show credentials instead of [redacted]'
complete -c cachectl -n "__fish_cachectl_using_subcommand fetch" -s h -l help -d 'Print help'
complete -c cachectl -n "__fish_cachectl_using_subcommand warm" -l from -d 'Read URLs from this file: one a line, a HAR, a sitemap or a lock file, also with gzip; - is standard input' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand warm" -l from-format -d 'What the files are: lines, har, sitemap or lock [default: told by their beginning]' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand warm" -l sitemap -d 'Fetch this sitemap, or index of sitemaps, and take its URLs' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand warm" -l accept -d 'Statuses that count as success; other answers are failures, and are not stored' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand warm" -l min-remaining -d 'Also fetch or validate what goes stale within this time' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand warm" -l per-host -d 'Requests to one host at the same time' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand warm" -l rate -d 'Requests to one host in a time, such as 5/s or 100/m [default: no limit]' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand warm" -l retry -d 'Try again so often after passing failures, with growing pauses; obeys Retry-After' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand warm" -l max-errors -d 'Stop after so many failures' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand warm" -l failed -d 'Write failures to this file, one JSON object a line; --from takes it' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand warm" -l lock -d 'Hold fast what was answered: URL, status, ETag and digest of the body' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand warm" -s H -l header -d 'Send this header field; @FILE reads one a line, to keep secrets out of the process list' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand warm" -l max-redirs -d 'Follow at most this many redirects' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand warm" -l max-time -d 'Limit the whole of it, redirects and retries included' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand warm" -l connect-timeout -d 'Limit connecting [default: 10s]' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand warm" -l read-timeout -d 'Limit how long the origin may be silent [default: 30s]' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand warm" -l max-age -d 'Accept no answer older than this' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand warm" -l tag -d 'Label what is stored now; may be repeated' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand warm" -s j -l jobs -d 'How many operations are under way at the same time' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand warm" -l progress -d 'How progress is shown' -r -f -a "auto\t'A bar on a terminal, else lines'
bar\t''
lines\t''
none\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand warm" -s b -l backend -l store -d 'The store: a kind (file, sqlite, …), an address such as sqlite:cache.db, or a named store of the configuration [default: file]' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand warm" -l serializer -d 'How the heads of entries are written: json, yaml or bincode' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand warm" -l ttl -d 'How long what is stored now may stay, such as 90s, 2h, 7d; none lifts the store\'s' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand warm" -l format -d 'How results are written [default: table on a terminal, else plain]' -r -f -a "table\t''
wide\t''
plain\t''
json\t''
ndjson\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand warm" -l config -d 'Read this configuration file and no other' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand warm" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand warm" -l log-format -d 'How standard error is written; json is one object a line' -r -f -a "text\t''
json\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand warm" -l strict -d 'What may not be stored counts as failed'
complete -c cachectl -n "__fish_cachectl_using_subcommand warm" -l fail-fast -d 'Stop after the first failure'
complete -c cachectl -n "__fish_cachectl_using_subcommand warm" -l locked -d 'Take only what the lock file names; anything else is a failure, and exit 1'
complete -c cachectl -n "__fish_cachectl_using_subcommand warm" -s n -l dry-run -d 'Say what would be done, without any connection to an origin'
complete -c cachectl -n "__fish_cachectl_using_subcommand warm" -l revalidate -d 'Ask the origin whether the stored answer still holds, even if it is fresh'
complete -c cachectl -n "__fish_cachectl_using_subcommand warm" -l refresh -d 'Fetch anew, whatever is stored'
complete -c cachectl -n "__fish_cachectl_using_subcommand warm" -l compressed -d 'Ask for gzip, br and zstd; store what comes, undo it on the way out'
complete -c cachectl -n "__fish_cachectl_using_subcommand warm" -l force-cache -d 'Store and serve for --ttl even what the headers forbid'
complete -c cachectl -n "__fish_cachectl_using_subcommand warm" -l readonly -d 'Change nothing in the store, not even the count of uses'
complete -c cachectl -n "__fish_cachectl_using_subcommand warm" -l json -d 'The same as --format json'
complete -c cachectl -n "__fish_cachectl_using_subcommand warm" -l no-config -d 'Read no configuration file'
complete -c cachectl -n "__fish_cachectl_using_subcommand warm" -s v -l verbose -d 'Say more; repeat for requests and store calls (-vv), and everything (-vvv)'
complete -c cachectl -n "__fish_cachectl_using_subcommand warm" -s q -l quiet -d 'Say less; repeat to silence warnings too'
complete -c cachectl -n "__fish_cachectl_using_subcommand warm" -l show-secrets -d 'Show credentials instead of [redacted]'
complete -c cachectl -n "__fish_cachectl_using_subcommand warm" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cachectl -n "__fish_cachectl_using_subcommand list" -l after -d 'Go on behind the entry where another listing has ended' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand list" -l key -d 'Keys that match this glob' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand list" -l url -d 'URLs that match this glob: * any characters, ? one, [a-z]' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand list" -l host -d 'Hosts that match this glob' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand list" -l url-regex -d 'URLs in which this regular expression is found' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand list" -l method -d 'Requests with this method' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand list" -l status -d 'Status codes: 200, 4xx, 400.., ..300, 500..=599, several with commas' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand list" -l type -d 'Content types that match this glob, such as image/*' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand list" -l state -d 'fresh, stale, expired or corrupt' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand list" -l stored-as -d 'Written by this serializer' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand list" -l tag -d 'With this tag' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand list" -l older-than -d 'Stored before this: a duration ago, or a time' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand list" -l newer-than -d 'Stored after this: a duration ago, or a time' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand list" -l unused-for -d 'Not used for so long' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand list" -l larger-than -d 'Bodies larger than this' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand list" -l smaller-than -d 'Bodies smaller than this' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand list" -l where -d 'An expression, such as "host ~ \'*.example.com\' and status in 5xx and age > 7d"' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand list" -l keys-from -d 'Keys or URLs, one a line; - is standard input' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand list" -l sort -d 'The order: a field as in --where, with :desc for the largest first; repeat for more' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand list" -l limit -d 'At most this many; 0 is no limit' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand list" -s b -l backend -l store -d 'The store: a kind (file, sqlite, …), an address such as sqlite:cache.db, or a named store of the configuration [default: file]' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand list" -l format -d 'How results are written [default: table on a terminal, else plain]' -r -f -a "table\t'For people, cut to the terminal'
wide\t'For people, everything'
plain\t'One record a line, fields separated by TAB'
json\t'One JSON document'
ndjson\t'One JSON object a line'
csv\t'Comma-separated values with a header'"
complete -c cachectl -n "__fish_cachectl_using_subcommand list" -l columns -d 'Which columns of table, plain and csv, in which order: key, state, status, size, age, url, stored, created, expires, fresh_until, method, host, type, encoding, serializer, uses, used, etag, last_modified, vary, tags, variant' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand list" -l config -d 'Read this configuration file and no other' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand list" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand list" -l log-format -d 'How standard error is written; json is one object a line' -r -f -a "text\t''
json\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand list" -l keys -d 'Print keys only'
complete -c cachectl -n "__fish_cachectl_using_subcommand list" -s 0 -l null -d 'End keys with NUL instead of a line end'
complete -c cachectl -n "__fish_cachectl_using_subcommand list" -l readonly -d 'Change nothing in the store, not even the count of uses'
complete -c cachectl -n "__fish_cachectl_using_subcommand list" -l json -d 'The same as --format json'
complete -c cachectl -n "__fish_cachectl_using_subcommand list" -l no-header -d 'Leave the names of the columns out'
complete -c cachectl -n "__fish_cachectl_using_subcommand list" -l header -d 'Put the names of the columns first, also in plain'
complete -c cachectl -n "__fish_cachectl_using_subcommand list" -l no-config -d 'Read no configuration file'
complete -c cachectl -n "__fish_cachectl_using_subcommand list" -s v -l verbose -d 'Say more; repeat for requests and store calls (-vv), and everything (-vvv)'
complete -c cachectl -n "__fish_cachectl_using_subcommand list" -s q -l quiet -d 'Say less; repeat to silence warnings too'
complete -c cachectl -n "__fish_cachectl_using_subcommand list" -l show-secrets -d 'Show credentials instead of [redacted]'
complete -c cachectl -n "__fish_cachectl_using_subcommand list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cachectl -n "__fish_cachectl_using_subcommand ls" -l after -d 'Go on behind the entry where another listing has ended' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand ls" -l key -d 'Keys that match this glob' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand ls" -l url -d 'URLs that match this glob: * any characters, ? one, [a-z]' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand ls" -l host -d 'Hosts that match this glob' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand ls" -l url-regex -d 'URLs in which this regular expression is found' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand ls" -l method -d 'Requests with this method' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand ls" -l status -d 'Status codes: 200, 4xx, 400.., ..300, 500..=599, several with commas' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand ls" -l type -d 'Content types that match this glob, such as image/*' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand ls" -l state -d 'fresh, stale, expired or corrupt' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand ls" -l stored-as -d 'Written by this serializer' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand ls" -l tag -d 'With this tag' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand ls" -l older-than -d 'Stored before this: a duration ago, or a time' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand ls" -l newer-than -d 'Stored after this: a duration ago, or a time' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand ls" -l unused-for -d 'Not used for so long' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand ls" -l larger-than -d 'Bodies larger than this' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand ls" -l smaller-than -d 'Bodies smaller than this' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand ls" -l where -d 'An expression, such as "host ~ \'*.example.com\' and status in 5xx and age > 7d"' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand ls" -l keys-from -d 'Keys or URLs, one a line; - is standard input' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand ls" -l sort -d 'The order: a field as in --where, with :desc for the largest first; repeat for more' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand ls" -l limit -d 'At most this many; 0 is no limit' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand ls" -s b -l backend -l store -d 'The store: a kind (file, sqlite, …), an address such as sqlite:cache.db, or a named store of the configuration [default: file]' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand ls" -l format -d 'How results are written [default: table on a terminal, else plain]' -r -f -a "table\t'For people, cut to the terminal'
wide\t'For people, everything'
plain\t'One record a line, fields separated by TAB'
json\t'One JSON document'
ndjson\t'One JSON object a line'
csv\t'Comma-separated values with a header'"
complete -c cachectl -n "__fish_cachectl_using_subcommand ls" -l columns -d 'Which columns of table, plain and csv, in which order: key, state, status, size, age, url, stored, created, expires, fresh_until, method, host, type, encoding, serializer, uses, used, etag, last_modified, vary, tags, variant' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand ls" -l config -d 'Read this configuration file and no other' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand ls" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand ls" -l log-format -d 'How standard error is written; json is one object a line' -r -f -a "text\t''
json\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand ls" -l keys -d 'Print keys only'
complete -c cachectl -n "__fish_cachectl_using_subcommand ls" -s 0 -l null -d 'End keys with NUL instead of a line end'
complete -c cachectl -n "__fish_cachectl_using_subcommand ls" -l readonly -d 'Change nothing in the store, not even the count of uses'
complete -c cachectl -n "__fish_cachectl_using_subcommand ls" -l json -d 'The same as --format json'
complete -c cachectl -n "__fish_cachectl_using_subcommand ls" -l no-header -d 'Leave the names of the columns out'
complete -c cachectl -n "__fish_cachectl_using_subcommand ls" -l header -d 'Put the names of the columns first, also in plain'
complete -c cachectl -n "__fish_cachectl_using_subcommand ls" -l no-config -d 'Read no configuration file'
complete -c cachectl -n "__fish_cachectl_using_subcommand ls" -s v -l verbose -d 'Say more; repeat for requests and store calls (-vv), and everything (-vvv)'
complete -c cachectl -n "__fish_cachectl_using_subcommand ls" -s q -l quiet -d 'Say less; repeat to silence warnings too'
complete -c cachectl -n "__fish_cachectl_using_subcommand ls" -l show-secrets -d 'Show credentials instead of [redacted]'
complete -c cachectl -n "__fish_cachectl_using_subcommand ls" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cachectl -n "__fish_cachectl_using_subcommand inspect" -l key -d 'Keys that match this glob' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand inspect" -l url -d 'URLs that match this glob: * any characters, ? one, [a-z]' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand inspect" -l host -d 'Hosts that match this glob' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand inspect" -l url-regex -d 'URLs in which this regular expression is found' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand inspect" -l method -d 'Requests with this method' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand inspect" -l status -d 'Status codes: 200, 4xx, 400.., ..300, 500..=599, several with commas' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand inspect" -l type -d 'Content types that match this glob, such as image/*' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand inspect" -l state -d 'fresh, stale, expired or corrupt' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand inspect" -l stored-as -d 'Written by this serializer' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand inspect" -l tag -d 'With this tag' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand inspect" -l older-than -d 'Stored before this: a duration ago, or a time' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand inspect" -l newer-than -d 'Stored after this: a duration ago, or a time' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand inspect" -l unused-for -d 'Not used for so long' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand inspect" -l larger-than -d 'Bodies larger than this' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand inspect" -l smaller-than -d 'Bodies smaller than this' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand inspect" -l where -d 'An expression, such as "host ~ \'*.example.com\' and status in 5xx and age > 7d"' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand inspect" -l keys-from -d 'Keys or URLs, one a line; - is standard input' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand inspect" -l sort -d 'The order: a field as in --where, with :desc for the largest first; repeat for more' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand inspect" -l limit -d 'At most this many; 0 is no limit' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand inspect" -s b -l backend -l store -d 'The store: a kind (file, sqlite, …), an address such as sqlite:cache.db, or a named store of the configuration [default: file]' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand inspect" -l format -d 'How results are written [default: table on a terminal, else plain]' -r -f -a "table\t''
wide\t''
plain\t''
json\t''
ndjson\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand inspect" -l config -d 'Read this configuration file and no other' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand inspect" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand inspect" -l log-format -d 'How standard error is written; json is one object a line' -r -f -a "text\t''
json\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand inspect" -l raw -d 'The stored record of one entry as it lies, byte for byte'
complete -c cachectl -n "__fish_cachectl_using_subcommand inspect" -l readonly -d 'Change nothing in the store, not even the count of uses'
complete -c cachectl -n "__fish_cachectl_using_subcommand inspect" -l json -d 'The same as --format json'
complete -c cachectl -n "__fish_cachectl_using_subcommand inspect" -l no-config -d 'Read no configuration file'
complete -c cachectl -n "__fish_cachectl_using_subcommand inspect" -s v -l verbose -d 'Say more; repeat for requests and store calls (-vv), and everything (-vvv)'
complete -c cachectl -n "__fish_cachectl_using_subcommand inspect" -s q -l quiet -d 'Say less; repeat to silence warnings too'
complete -c cachectl -n "__fish_cachectl_using_subcommand inspect" -l show-secrets -d 'Show credentials instead of [redacted]'
complete -c cachectl -n "__fish_cachectl_using_subcommand inspect" -s h -l help -d 'Print help'
complete -c cachectl -n "__fish_cachectl_using_subcommand show" -l key -d 'Keys that match this glob' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand show" -l url -d 'URLs that match this glob: * any characters, ? one, [a-z]' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand show" -l host -d 'Hosts that match this glob' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand show" -l url-regex -d 'URLs in which this regular expression is found' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand show" -l method -d 'Requests with this method' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand show" -l status -d 'Status codes: 200, 4xx, 400.., ..300, 500..=599, several with commas' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand show" -l type -d 'Content types that match this glob, such as image/*' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand show" -l state -d 'fresh, stale, expired or corrupt' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand show" -l stored-as -d 'Written by this serializer' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand show" -l tag -d 'With this tag' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand show" -l older-than -d 'Stored before this: a duration ago, or a time' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand show" -l newer-than -d 'Stored after this: a duration ago, or a time' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand show" -l unused-for -d 'Not used for so long' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand show" -l larger-than -d 'Bodies larger than this' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand show" -l smaller-than -d 'Bodies smaller than this' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand show" -l where -d 'An expression, such as "host ~ \'*.example.com\' and status in 5xx and age > 7d"' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand show" -l keys-from -d 'Keys or URLs, one a line; - is standard input' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand show" -l sort -d 'The order: a field as in --where, with :desc for the largest first; repeat for more' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand show" -l limit -d 'At most this many; 0 is no limit' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand show" -s b -l backend -l store -d 'The store: a kind (file, sqlite, …), an address such as sqlite:cache.db, or a named store of the configuration [default: file]' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand show" -l format -d 'How results are written [default: table on a terminal, else plain]' -r -f -a "table\t''
wide\t''
plain\t''
json\t''
ndjson\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand show" -l config -d 'Read this configuration file and no other' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand show" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand show" -l log-format -d 'How standard error is written; json is one object a line' -r -f -a "text\t''
json\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand show" -l raw -d 'The stored record of one entry as it lies, byte for byte'
complete -c cachectl -n "__fish_cachectl_using_subcommand show" -l readonly -d 'Change nothing in the store, not even the count of uses'
complete -c cachectl -n "__fish_cachectl_using_subcommand show" -l json -d 'The same as --format json'
complete -c cachectl -n "__fish_cachectl_using_subcommand show" -l no-config -d 'Read no configuration file'
complete -c cachectl -n "__fish_cachectl_using_subcommand show" -s v -l verbose -d 'Say more; repeat for requests and store calls (-vv), and everything (-vvv)'
complete -c cachectl -n "__fish_cachectl_using_subcommand show" -s q -l quiet -d 'Say less; repeat to silence warnings too'
complete -c cachectl -n "__fish_cachectl_using_subcommand show" -l show-secrets -d 'Show credentials instead of [redacted]'
complete -c cachectl -n "__fish_cachectl_using_subcommand show" -s h -l help -d 'Print help'
complete -c cachectl -n "__fish_cachectl_using_subcommand body" -s o -l output -d 'Write to FILE, in one piece or not at all; - is standard output, also a terminal' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand body" -s b -l backend -l store -d 'The store: a kind (file, sqlite, …), an address such as sqlite:cache.db, or a named store of the configuration [default: file]' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand body" -l config -d 'Read this configuration file and no other' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand body" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand body" -l log-format -d 'How standard error is written; json is one object a line' -r -f -a "text\t''
json\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand body" -l decode -d 'Undo Content-Encoding'
complete -c cachectl -n "__fish_cachectl_using_subcommand body" -l readonly -d 'Change nothing in the store, not even the count of uses'
complete -c cachectl -n "__fish_cachectl_using_subcommand body" -l no-config -d 'Read no configuration file'
complete -c cachectl -n "__fish_cachectl_using_subcommand body" -s v -l verbose -d 'Say more; repeat for requests and store calls (-vv), and everything (-vvv)'
complete -c cachectl -n "__fish_cachectl_using_subcommand body" -s q -l quiet -d 'Say less; repeat to silence warnings too'
complete -c cachectl -n "__fish_cachectl_using_subcommand body" -l show-secrets -d 'Show credentials instead of [redacted]'
complete -c cachectl -n "__fish_cachectl_using_subcommand body" -s h -l help -d 'Print help'
complete -c cachectl -n "__fish_cachectl_using_subcommand cat" -s o -l output -d 'Write to FILE, in one piece or not at all; - is standard output, also a terminal' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand cat" -s b -l backend -l store -d 'The store: a kind (file, sqlite, …), an address such as sqlite:cache.db, or a named store of the configuration [default: file]' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand cat" -l config -d 'Read this configuration file and no other' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand cat" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand cat" -l log-format -d 'How standard error is written; json is one object a line' -r -f -a "text\t''
json\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand cat" -l decode -d 'Undo Content-Encoding'
complete -c cachectl -n "__fish_cachectl_using_subcommand cat" -l readonly -d 'Change nothing in the store, not even the count of uses'
complete -c cachectl -n "__fish_cachectl_using_subcommand cat" -l no-config -d 'Read no configuration file'
complete -c cachectl -n "__fish_cachectl_using_subcommand cat" -s v -l verbose -d 'Say more; repeat for requests and store calls (-vv), and everything (-vvv)'
complete -c cachectl -n "__fish_cachectl_using_subcommand cat" -s q -l quiet -d 'Say less; repeat to silence warnings too'
complete -c cachectl -n "__fish_cachectl_using_subcommand cat" -l show-secrets -d 'Show credentials instead of [redacted]'
complete -c cachectl -n "__fish_cachectl_using_subcommand cat" -s h -l help -d 'Print help'
complete -c cachectl -n "__fish_cachectl_using_subcommand export" -s o -l output -d 'Write to FILE (for dir: a new folder), in one piece or not at all; - is standard output' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand export" -l as -d 'archive, har, csv or dir [default: by the name of the file, else archive]' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand export" -l key -d 'Keys that match this glob' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand export" -l url -d 'URLs that match this glob: * any characters, ? one, [a-z]' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand export" -l host -d 'Hosts that match this glob' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand export" -l url-regex -d 'URLs in which this regular expression is found' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand export" -l method -d 'Requests with this method' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand export" -l status -d 'Status codes: 200, 4xx, 400.., ..300, 500..=599, several with commas' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand export" -l type -d 'Content types that match this glob, such as image/*' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand export" -l state -d 'fresh, stale, expired or corrupt' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand export" -l stored-as -d 'Written by this serializer' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand export" -l tag -d 'With this tag' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand export" -l older-than -d 'Stored before this: a duration ago, or a time' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand export" -l newer-than -d 'Stored after this: a duration ago, or a time' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand export" -l unused-for -d 'Not used for so long' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand export" -l larger-than -d 'Bodies larger than this' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand export" -l smaller-than -d 'Bodies smaller than this' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand export" -l where -d 'An expression, such as "host ~ \'*.example.com\' and status in 5xx and age > 7d"' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand export" -l keys-from -d 'Keys or URLs, one a line; - is standard input' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand export" -l sort -d 'The order: a field as in --where, with :desc for the largest first; repeat for more' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand export" -l limit -d 'At most this many; 0 is no limit' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand export" -s j -l jobs -d 'How many operations are under way at the same time' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand export" -l progress -d 'How progress is shown' -r -f -a "auto\t'A bar on a terminal, else lines'
bar\t''
lines\t''
none\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand export" -s b -l backend -l store -d 'The store: a kind (file, sqlite, …), an address such as sqlite:cache.db, or a named store of the configuration [default: file]' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand export" -l config -d 'Read this configuration file and no other' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand export" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand export" -l log-format -d 'How standard error is written; json is one object a line' -r -f -a "text\t''
json\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand export" -l redact -d 'Hide credentials, as har and csv do anyway'
complete -c cachectl -n "__fish_cachectl_using_subcommand export" -l no-bodies -d 'Leave bodies out'
complete -c cachectl -n "__fish_cachectl_using_subcommand export" -l readonly -d 'Change nothing in the store, not even the count of uses'
complete -c cachectl -n "__fish_cachectl_using_subcommand export" -l no-config -d 'Read no configuration file'
complete -c cachectl -n "__fish_cachectl_using_subcommand export" -s v -l verbose -d 'Say more; repeat for requests and store calls (-vv), and everything (-vvv)'
complete -c cachectl -n "__fish_cachectl_using_subcommand export" -s q -l quiet -d 'Say less; repeat to silence warnings too'
complete -c cachectl -n "__fish_cachectl_using_subcommand export" -l show-secrets -d 'Show credentials instead of [redacted]'
complete -c cachectl -n "__fish_cachectl_using_subcommand export" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cachectl -n "__fish_cachectl_using_subcommand import" -l as -d 'archive, har or dir [default: by the name of the file, else archive]' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand import" -l on-conflict -d 'What to do with entries that are there already and differ' -r -f -a "newer\t'The one that was stored later wins'
skip\t'What is there stays'
overwrite\t'What comes wins'
fail\t'That is a failure'"
complete -c cachectl -n "__fish_cachectl_using_subcommand import" -l max-errors -d 'Stop after so many failures' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand import" -l key -d 'Keys that match this glob' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand import" -l url -d 'URLs that match this glob: * any characters, ? one, [a-z]' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand import" -l host -d 'Hosts that match this glob' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand import" -l url-regex -d 'URLs in which this regular expression is found' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand import" -l method -d 'Requests with this method' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand import" -l status -d 'Status codes: 200, 4xx, 400.., ..300, 500..=599, several with commas' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand import" -l type -d 'Content types that match this glob, such as image/*' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand import" -l state -d 'fresh, stale, expired or corrupt' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand import" -l stored-as -d 'Written by this serializer' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand import" -l tag -d 'With this tag' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand import" -l older-than -d 'Stored before this: a duration ago, or a time' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand import" -l newer-than -d 'Stored after this: a duration ago, or a time' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand import" -l unused-for -d 'Not used for so long' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand import" -l larger-than -d 'Bodies larger than this' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand import" -l smaller-than -d 'Bodies smaller than this' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand import" -l where -d 'An expression, such as "host ~ \'*.example.com\' and status in 5xx and age > 7d"' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand import" -l keys-from -d 'Keys or URLs, one a line; - is standard input' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand import" -l sort -d 'The order: a field as in --where, with :desc for the largest first; repeat for more' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand import" -l limit -d 'At most this many; 0 is no limit' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand import" -l progress -d 'How progress is shown' -r -f -a "auto\t'A bar on a terminal, else lines'
bar\t''
lines\t''
none\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand import" -l serializer -d 'How the heads of entries are written: json, yaml or bincode' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand import" -l ttl -d 'How long what is stored now may stay, such as 90s, 2h, 7d; none lifts the store\'s' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand import" -s b -l backend -l store -d 'The store: a kind (file, sqlite, …), an address such as sqlite:cache.db, or a named store of the configuration [default: file]' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand import" -l format -d 'How results are written [default: table on a terminal, else plain]' -r -f -a "table\t''
wide\t''
plain\t''
json\t''
ndjson\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand import" -l config -d 'Read this configuration file and no other' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand import" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand import" -l log-format -d 'How standard error is written; json is one object a line' -r -f -a "text\t''
json\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand import" -s n -l dry-run -d 'Show what would be done and change nothing'
complete -c cachectl -n "__fish_cachectl_using_subcommand import" -s y -l yes -d 'Do not ask, which import never does'
complete -c cachectl -n "__fish_cachectl_using_subcommand import" -l no-verify -d 'Do not read back what was written'
complete -c cachectl -n "__fish_cachectl_using_subcommand import" -l include-expired -d 'Take expired entries too'
complete -c cachectl -n "__fish_cachectl_using_subcommand import" -l readonly -d 'Change nothing in the store, not even the count of uses'
complete -c cachectl -n "__fish_cachectl_using_subcommand import" -l json -d 'The same as --format json'
complete -c cachectl -n "__fish_cachectl_using_subcommand import" -l no-config -d 'Read no configuration file'
complete -c cachectl -n "__fish_cachectl_using_subcommand import" -s v -l verbose -d 'Say more; repeat for requests and store calls (-vv), and everything (-vvv)'
complete -c cachectl -n "__fish_cachectl_using_subcommand import" -s q -l quiet -d 'Say less; repeat to silence warnings too'
complete -c cachectl -n "__fish_cachectl_using_subcommand import" -l show-secrets -d 'Show credentials instead of [redacted]'
complete -c cachectl -n "__fish_cachectl_using_subcommand import" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cachectl -n "__fish_cachectl_using_subcommand migrate" -l serializer -d 'Write heads by this serializer [default: the one in DST\'s address; else each entry keeps its own]' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand migrate" -l ttl -d 'New TTL for all, counted from now; none lifts it [default: each keeps its end]' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand migrate" -l max-delete -d 'Remove nothing if --move or --mirror would remove more entries than this' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand migrate" -l shard -d 'Only one of N parts of all keys, so that several machines can share the work' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand migrate" -l failed -d 'Write failures with their reasons to this file, one JSON object a line' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand migrate" -l on-conflict -d 'What to do with entries that are there already and differ' -r -f -a "newer\t'The one that was stored later wins'
skip\t'What is there stays'
overwrite\t'What comes wins'
fail\t'That is a failure'"
complete -c cachectl -n "__fish_cachectl_using_subcommand migrate" -l max-errors -d 'Stop after so many failures' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand migrate" -l key -d 'Keys that match this glob' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand migrate" -l url -d 'URLs that match this glob: * any characters, ? one, [a-z]' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand migrate" -l host -d 'Hosts that match this glob' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand migrate" -l url-regex -d 'URLs in which this regular expression is found' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand migrate" -l method -d 'Requests with this method' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand migrate" -l status -d 'Status codes: 200, 4xx, 400.., ..300, 500..=599, several with commas' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand migrate" -l type -d 'Content types that match this glob, such as image/*' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand migrate" -l state -d 'fresh, stale, expired or corrupt' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand migrate" -l stored-as -d 'Written by this serializer' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand migrate" -l tag -d 'With this tag' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand migrate" -l older-than -d 'Stored before this: a duration ago, or a time' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand migrate" -l newer-than -d 'Stored after this: a duration ago, or a time' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand migrate" -l unused-for -d 'Not used for so long' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand migrate" -l larger-than -d 'Bodies larger than this' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand migrate" -l smaller-than -d 'Bodies smaller than this' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand migrate" -l where -d 'An expression, such as "host ~ \'*.example.com\' and status in 5xx and age > 7d"' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand migrate" -l keys-from -d 'Keys or URLs, one a line; - is standard input' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand migrate" -l sort -d 'The order: a field as in --where, with :desc for the largest first; repeat for more' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand migrate" -l limit -d 'At most this many; 0 is no limit' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand migrate" -s j -l jobs -d 'How many operations are under way at the same time' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand migrate" -l progress -d 'How progress is shown' -r -f -a "auto\t'A bar on a terminal, else lines'
bar\t''
lines\t''
none\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand migrate" -l format -d 'How results are written [default: table on a terminal, else plain]' -r -f -a "table\t''
wide\t''
plain\t''
json\t''
ndjson\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand migrate" -l config -d 'Read this configuration file and no other' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand migrate" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand migrate" -l log-format -d 'How standard error is written; json is one object a line' -r -f -a "text\t''
json\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand migrate" -l move -d 'Remove from the source what has arrived'
complete -c cachectl -n "__fish_cachectl_using_subcommand migrate" -l mirror -d 'Remove from the destination what the source does not have'
complete -c cachectl -n "__fish_cachectl_using_subcommand migrate" -l no-verify -d 'Do not read back what was written'
complete -c cachectl -n "__fish_cachectl_using_subcommand migrate" -l include-expired -d 'Take expired entries too'
complete -c cachectl -n "__fish_cachectl_using_subcommand migrate" -s n -l dry-run -d 'Show what would be done and change nothing'
complete -c cachectl -n "__fish_cachectl_using_subcommand migrate" -s y -l yes -d 'Do not ask'
complete -c cachectl -n "__fish_cachectl_using_subcommand migrate" -l no-input -d 'Never ask: what would need an answer is refused [default: where nobody can answer]'
complete -c cachectl -n "__fish_cachectl_using_subcommand migrate" -l json -d 'The same as --format json'
complete -c cachectl -n "__fish_cachectl_using_subcommand migrate" -l no-config -d 'Read no configuration file'
complete -c cachectl -n "__fish_cachectl_using_subcommand migrate" -s v -l verbose -d 'Say more; repeat for requests and store calls (-vv), and everything (-vvv)'
complete -c cachectl -n "__fish_cachectl_using_subcommand migrate" -s q -l quiet -d 'Say less; repeat to silence warnings too'
complete -c cachectl -n "__fish_cachectl_using_subcommand migrate" -l show-secrets -d 'Show credentials instead of [redacted]'
complete -c cachectl -n "__fish_cachectl_using_subcommand migrate" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cachectl -n "__fish_cachectl_using_subcommand copy" -l serializer -d 'Write heads by this serializer [default: the one in DST\'s address; else each entry keeps its own]' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand copy" -l ttl -d 'New TTL for all, counted from now; none lifts it [default: each keeps its end]' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand copy" -l max-delete -d 'Remove nothing if --move or --mirror would remove more entries than this' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand copy" -l shard -d 'Only one of N parts of all keys, so that several machines can share the work' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand copy" -l failed -d 'Write failures with their reasons to this file, one JSON object a line' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand copy" -l on-conflict -d 'What to do with entries that are there already and differ' -r -f -a "newer\t'The one that was stored later wins'
skip\t'What is there stays'
overwrite\t'What comes wins'
fail\t'That is a failure'"
complete -c cachectl -n "__fish_cachectl_using_subcommand copy" -l max-errors -d 'Stop after so many failures' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand copy" -l key -d 'Keys that match this glob' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand copy" -l url -d 'URLs that match this glob: * any characters, ? one, [a-z]' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand copy" -l host -d 'Hosts that match this glob' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand copy" -l url-regex -d 'URLs in which this regular expression is found' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand copy" -l method -d 'Requests with this method' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand copy" -l status -d 'Status codes: 200, 4xx, 400.., ..300, 500..=599, several with commas' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand copy" -l type -d 'Content types that match this glob, such as image/*' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand copy" -l state -d 'fresh, stale, expired or corrupt' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand copy" -l stored-as -d 'Written by this serializer' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand copy" -l tag -d 'With this tag' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand copy" -l older-than -d 'Stored before this: a duration ago, or a time' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand copy" -l newer-than -d 'Stored after this: a duration ago, or a time' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand copy" -l unused-for -d 'Not used for so long' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand copy" -l larger-than -d 'Bodies larger than this' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand copy" -l smaller-than -d 'Bodies smaller than this' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand copy" -l where -d 'An expression, such as "host ~ \'*.example.com\' and status in 5xx and age > 7d"' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand copy" -l keys-from -d 'Keys or URLs, one a line; - is standard input' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand copy" -l sort -d 'The order: a field as in --where, with :desc for the largest first; repeat for more' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand copy" -l limit -d 'At most this many; 0 is no limit' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand copy" -s j -l jobs -d 'How many operations are under way at the same time' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand copy" -l progress -d 'How progress is shown' -r -f -a "auto\t'A bar on a terminal, else lines'
bar\t''
lines\t''
none\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand copy" -l format -d 'How results are written [default: table on a terminal, else plain]' -r -f -a "table\t''
wide\t''
plain\t''
json\t''
ndjson\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand copy" -l config -d 'Read this configuration file and no other' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand copy" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand copy" -l log-format -d 'How standard error is written; json is one object a line' -r -f -a "text\t''
json\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand copy" -l move -d 'Remove from the source what has arrived'
complete -c cachectl -n "__fish_cachectl_using_subcommand copy" -l mirror -d 'Remove from the destination what the source does not have'
complete -c cachectl -n "__fish_cachectl_using_subcommand copy" -l no-verify -d 'Do not read back what was written'
complete -c cachectl -n "__fish_cachectl_using_subcommand copy" -l include-expired -d 'Take expired entries too'
complete -c cachectl -n "__fish_cachectl_using_subcommand copy" -s n -l dry-run -d 'Show what would be done and change nothing'
complete -c cachectl -n "__fish_cachectl_using_subcommand copy" -s y -l yes -d 'Do not ask'
complete -c cachectl -n "__fish_cachectl_using_subcommand copy" -l no-input -d 'Never ask: what would need an answer is refused [default: where nobody can answer]'
complete -c cachectl -n "__fish_cachectl_using_subcommand copy" -l json -d 'The same as --format json'
complete -c cachectl -n "__fish_cachectl_using_subcommand copy" -l no-config -d 'Read no configuration file'
complete -c cachectl -n "__fish_cachectl_using_subcommand copy" -s v -l verbose -d 'Say more; repeat for requests and store calls (-vv), and everything (-vvv)'
complete -c cachectl -n "__fish_cachectl_using_subcommand copy" -s q -l quiet -d 'Say less; repeat to silence warnings too'
complete -c cachectl -n "__fish_cachectl_using_subcommand copy" -l show-secrets -d 'Show credentials instead of [redacted]'
complete -c cachectl -n "__fish_cachectl_using_subcommand copy" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cachectl -n "__fish_cachectl_using_subcommand cp" -l serializer -d 'Write heads by this serializer [default: the one in DST\'s address; else each entry keeps its own]' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand cp" -l ttl -d 'New TTL for all, counted from now; none lifts it [default: each keeps its end]' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand cp" -l max-delete -d 'Remove nothing if --move or --mirror would remove more entries than this' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand cp" -l shard -d 'Only one of N parts of all keys, so that several machines can share the work' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand cp" -l failed -d 'Write failures with their reasons to this file, one JSON object a line' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand cp" -l on-conflict -d 'What to do with entries that are there already and differ' -r -f -a "newer\t'The one that was stored later wins'
skip\t'What is there stays'
overwrite\t'What comes wins'
fail\t'That is a failure'"
complete -c cachectl -n "__fish_cachectl_using_subcommand cp" -l max-errors -d 'Stop after so many failures' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand cp" -l key -d 'Keys that match this glob' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand cp" -l url -d 'URLs that match this glob: * any characters, ? one, [a-z]' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand cp" -l host -d 'Hosts that match this glob' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand cp" -l url-regex -d 'URLs in which this regular expression is found' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand cp" -l method -d 'Requests with this method' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand cp" -l status -d 'Status codes: 200, 4xx, 400.., ..300, 500..=599, several with commas' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand cp" -l type -d 'Content types that match this glob, such as image/*' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand cp" -l state -d 'fresh, stale, expired or corrupt' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand cp" -l stored-as -d 'Written by this serializer' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand cp" -l tag -d 'With this tag' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand cp" -l older-than -d 'Stored before this: a duration ago, or a time' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand cp" -l newer-than -d 'Stored after this: a duration ago, or a time' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand cp" -l unused-for -d 'Not used for so long' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand cp" -l larger-than -d 'Bodies larger than this' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand cp" -l smaller-than -d 'Bodies smaller than this' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand cp" -l where -d 'An expression, such as "host ~ \'*.example.com\' and status in 5xx and age > 7d"' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand cp" -l keys-from -d 'Keys or URLs, one a line; - is standard input' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand cp" -l sort -d 'The order: a field as in --where, with :desc for the largest first; repeat for more' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand cp" -l limit -d 'At most this many; 0 is no limit' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand cp" -s j -l jobs -d 'How many operations are under way at the same time' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand cp" -l progress -d 'How progress is shown' -r -f -a "auto\t'A bar on a terminal, else lines'
bar\t''
lines\t''
none\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand cp" -l format -d 'How results are written [default: table on a terminal, else plain]' -r -f -a "table\t''
wide\t''
plain\t''
json\t''
ndjson\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand cp" -l config -d 'Read this configuration file and no other' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand cp" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand cp" -l log-format -d 'How standard error is written; json is one object a line' -r -f -a "text\t''
json\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand cp" -l move -d 'Remove from the source what has arrived'
complete -c cachectl -n "__fish_cachectl_using_subcommand cp" -l mirror -d 'Remove from the destination what the source does not have'
complete -c cachectl -n "__fish_cachectl_using_subcommand cp" -l no-verify -d 'Do not read back what was written'
complete -c cachectl -n "__fish_cachectl_using_subcommand cp" -l include-expired -d 'Take expired entries too'
complete -c cachectl -n "__fish_cachectl_using_subcommand cp" -s n -l dry-run -d 'Show what would be done and change nothing'
complete -c cachectl -n "__fish_cachectl_using_subcommand cp" -s y -l yes -d 'Do not ask'
complete -c cachectl -n "__fish_cachectl_using_subcommand cp" -l no-input -d 'Never ask: what would need an answer is refused [default: where nobody can answer]'
complete -c cachectl -n "__fish_cachectl_using_subcommand cp" -l json -d 'The same as --format json'
complete -c cachectl -n "__fish_cachectl_using_subcommand cp" -l no-config -d 'Read no configuration file'
complete -c cachectl -n "__fish_cachectl_using_subcommand cp" -s v -l verbose -d 'Say more; repeat for requests and store calls (-vv), and everything (-vvv)'
complete -c cachectl -n "__fish_cachectl_using_subcommand cp" -s q -l quiet -d 'Say less; repeat to silence warnings too'
complete -c cachectl -n "__fish_cachectl_using_subcommand cp" -l show-secrets -d 'Show credentials instead of [redacted]'
complete -c cachectl -n "__fish_cachectl_using_subcommand cp" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cachectl -n "__fish_cachectl_using_subcommand diff" -l key -d 'Keys that match this glob' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand diff" -l url -d 'URLs that match this glob: * any characters, ? one, [a-z]' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand diff" -l host -d 'Hosts that match this glob' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand diff" -l url-regex -d 'URLs in which this regular expression is found' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand diff" -l method -d 'Requests with this method' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand diff" -l status -d 'Status codes: 200, 4xx, 400.., ..300, 500..=599, several with commas' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand diff" -l type -d 'Content types that match this glob, such as image/*' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand diff" -l state -d 'fresh, stale, expired or corrupt' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand diff" -l stored-as -d 'Written by this serializer' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand diff" -l tag -d 'With this tag' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand diff" -l older-than -d 'Stored before this: a duration ago, or a time' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand diff" -l newer-than -d 'Stored after this: a duration ago, or a time' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand diff" -l unused-for -d 'Not used for so long' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand diff" -l larger-than -d 'Bodies larger than this' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand diff" -l smaller-than -d 'Bodies smaller than this' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand diff" -l where -d 'An expression, such as "host ~ \'*.example.com\' and status in 5xx and age > 7d"' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand diff" -l keys-from -d 'Keys or URLs, one a line; - is standard input' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand diff" -l sort -d 'The order: a field as in --where, with :desc for the largest first; repeat for more' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand diff" -l limit -d 'At most this many; 0 is no limit' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand diff" -s j -l jobs -d 'How many operations are under way at the same time' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand diff" -l progress -d 'How progress is shown' -r -f -a "auto\t'A bar on a terminal, else lines'
bar\t''
lines\t''
none\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand diff" -l format -d 'How results are written [default: table on a terminal, else plain]' -r -f -a "table\t''
wide\t''
plain\t''
json\t''
ndjson\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand diff" -l config -d 'Read this configuration file and no other' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand diff" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand diff" -l log-format -d 'How standard error is written; json is one object a line' -r -f -a "text\t''
json\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand diff" -l content -d 'Compare the bodies too, byte for byte'
complete -c cachectl -n "__fish_cachectl_using_subcommand diff" -l show-same -d 'Show entries that are the same too'
complete -c cachectl -n "__fish_cachectl_using_subcommand diff" -l json -d 'The same as --format json'
complete -c cachectl -n "__fish_cachectl_using_subcommand diff" -l no-config -d 'Read no configuration file'
complete -c cachectl -n "__fish_cachectl_using_subcommand diff" -s v -l verbose -d 'Say more; repeat for requests and store calls (-vv), and everything (-vvv)'
complete -c cachectl -n "__fish_cachectl_using_subcommand diff" -s q -l quiet -d 'Say less; repeat to silence warnings too'
complete -c cachectl -n "__fish_cachectl_using_subcommand diff" -l show-secrets -d 'Show credentials instead of [redacted]'
complete -c cachectl -n "__fish_cachectl_using_subcommand diff" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cachectl -n "__fish_cachectl_using_subcommand convert" -l to -d 'json, yaml or bincode' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand convert" -l key -d 'Keys that match this glob' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand convert" -l url -d 'URLs that match this glob: * any characters, ? one, [a-z]' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand convert" -l host -d 'Hosts that match this glob' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand convert" -l url-regex -d 'URLs in which this regular expression is found' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand convert" -l method -d 'Requests with this method' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand convert" -l status -d 'Status codes: 200, 4xx, 400.., ..300, 500..=599, several with commas' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand convert" -l type -d 'Content types that match this glob, such as image/*' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand convert" -l state -d 'fresh, stale, expired or corrupt' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand convert" -l stored-as -d 'Written by this serializer' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand convert" -l tag -d 'With this tag' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand convert" -l older-than -d 'Stored before this: a duration ago, or a time' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand convert" -l newer-than -d 'Stored after this: a duration ago, or a time' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand convert" -l unused-for -d 'Not used for so long' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand convert" -l larger-than -d 'Bodies larger than this' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand convert" -l smaller-than -d 'Bodies smaller than this' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand convert" -l where -d 'An expression, such as "host ~ \'*.example.com\' and status in 5xx and age > 7d"' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand convert" -l keys-from -d 'Keys or URLs, one a line; - is standard input' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand convert" -l sort -d 'The order: a field as in --where, with :desc for the largest first; repeat for more' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand convert" -l limit -d 'At most this many; 0 is no limit' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand convert" -s j -l jobs -d 'How many operations are under way at the same time' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand convert" -l progress -d 'How progress is shown' -r -f -a "auto\t'A bar on a terminal, else lines'
bar\t''
lines\t''
none\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand convert" -s b -l backend -l store -d 'The store: a kind (file, sqlite, …), an address such as sqlite:cache.db, or a named store of the configuration [default: file]' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand convert" -l format -d 'How results are written [default: table on a terminal, else plain]' -r -f -a "table\t''
wide\t''
plain\t''
json\t''
ndjson\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand convert" -l config -d 'Read this configuration file and no other' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand convert" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand convert" -l log-format -d 'How standard error is written; json is one object a line' -r -f -a "text\t''
json\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand convert" -s n -l dry-run -d 'Show what would be done and change nothing'
complete -c cachectl -n "__fish_cachectl_using_subcommand convert" -s y -l yes -d 'Do not ask'
complete -c cachectl -n "__fish_cachectl_using_subcommand convert" -l no-input -d 'Never ask: what would need an answer is refused [default: where nobody can answer]'
complete -c cachectl -n "__fish_cachectl_using_subcommand convert" -l readonly -d 'Change nothing in the store, not even the count of uses'
complete -c cachectl -n "__fish_cachectl_using_subcommand convert" -l json -d 'The same as --format json'
complete -c cachectl -n "__fish_cachectl_using_subcommand convert" -l no-config -d 'Read no configuration file'
complete -c cachectl -n "__fish_cachectl_using_subcommand convert" -s v -l verbose -d 'Say more; repeat for requests and store calls (-vv), and everything (-vvv)'
complete -c cachectl -n "__fish_cachectl_using_subcommand convert" -s q -l quiet -d 'Say less; repeat to silence warnings too'
complete -c cachectl -n "__fish_cachectl_using_subcommand convert" -l show-secrets -d 'Show credentials instead of [redacted]'
complete -c cachectl -n "__fish_cachectl_using_subcommand convert" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cachectl -n "__fish_cachectl_using_subcommand touch" -l ttl -d 'A new store TTL, counted from now; none lifts it' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand touch" -l add-tag -d 'Add this tag' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand touch" -l remove-tag -d 'Remove this tag' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand touch" -l key -d 'Keys that match this glob' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand touch" -l url -d 'URLs that match this glob: * any characters, ? one, [a-z]' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand touch" -l host -d 'Hosts that match this glob' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand touch" -l url-regex -d 'URLs in which this regular expression is found' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand touch" -l method -d 'Requests with this method' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand touch" -l status -d 'Status codes: 200, 4xx, 400.., ..300, 500..=599, several with commas' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand touch" -l type -d 'Content types that match this glob, such as image/*' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand touch" -l state -d 'fresh, stale, expired or corrupt' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand touch" -l stored-as -d 'Written by this serializer' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand touch" -l tag -d 'With this tag' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand touch" -l older-than -d 'Stored before this: a duration ago, or a time' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand touch" -l newer-than -d 'Stored after this: a duration ago, or a time' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand touch" -l unused-for -d 'Not used for so long' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand touch" -l larger-than -d 'Bodies larger than this' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand touch" -l smaller-than -d 'Bodies smaller than this' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand touch" -l where -d 'An expression, such as "host ~ \'*.example.com\' and status in 5xx and age > 7d"' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand touch" -l keys-from -d 'Keys or URLs, one a line; - is standard input' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand touch" -l sort -d 'The order: a field as in --where, with :desc for the largest first; repeat for more' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand touch" -l limit -d 'At most this many; 0 is no limit' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand touch" -s j -l jobs -d 'How many operations are under way at the same time' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand touch" -l progress -d 'How progress is shown' -r -f -a "auto\t'A bar on a terminal, else lines'
bar\t''
lines\t''
none\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand touch" -s b -l backend -l store -d 'The store: a kind (file, sqlite, …), an address such as sqlite:cache.db, or a named store of the configuration [default: file]' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand touch" -l format -d 'How results are written [default: table on a terminal, else plain]' -r -f -a "table\t''
wide\t''
plain\t''
json\t''
ndjson\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand touch" -l config -d 'Read this configuration file and no other' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand touch" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand touch" -l log-format -d 'How standard error is written; json is one object a line' -r -f -a "text\t''
json\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand touch" -l stale -d 'Have them validated before their next use, however fresh they are'
complete -c cachectl -n "__fish_cachectl_using_subcommand touch" -s n -l dry-run -d 'Show what would be done and change nothing'
complete -c cachectl -n "__fish_cachectl_using_subcommand touch" -s y -l yes -d 'Do not ask'
complete -c cachectl -n "__fish_cachectl_using_subcommand touch" -l no-input -d 'Never ask: what would need an answer is refused [default: where nobody can answer]'
complete -c cachectl -n "__fish_cachectl_using_subcommand touch" -l readonly -d 'Change nothing in the store, not even the count of uses'
complete -c cachectl -n "__fish_cachectl_using_subcommand touch" -l json -d 'The same as --format json'
complete -c cachectl -n "__fish_cachectl_using_subcommand touch" -l no-config -d 'Read no configuration file'
complete -c cachectl -n "__fish_cachectl_using_subcommand touch" -s v -l verbose -d 'Say more; repeat for requests and store calls (-vv), and everything (-vvv)'
complete -c cachectl -n "__fish_cachectl_using_subcommand touch" -s q -l quiet -d 'Say less; repeat to silence warnings too'
complete -c cachectl -n "__fish_cachectl_using_subcommand touch" -l show-secrets -d 'Show credentials instead of [redacted]'
complete -c cachectl -n "__fish_cachectl_using_subcommand touch" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cachectl -n "__fish_cachectl_using_subcommand purge" -l max-delete -d 'Remove nothing if it would be more entries than this' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand purge" -l compact -d 'Whether to give unused space back at the end; auto: when it is a quarter or more' -r -f -a "auto\t''
always\t''
never\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand purge" -l key -d 'Keys that match this glob' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand purge" -l url -d 'URLs that match this glob: * any characters, ? one, [a-z]' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand purge" -l host -d 'Hosts that match this glob' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand purge" -l url-regex -d 'URLs in which this regular expression is found' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand purge" -l method -d 'Requests with this method' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand purge" -l status -d 'Status codes: 200, 4xx, 400.., ..300, 500..=599, several with commas' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand purge" -l type -d 'Content types that match this glob, such as image/*' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand purge" -l state -d 'fresh, stale, expired or corrupt' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand purge" -l stored-as -d 'Written by this serializer' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand purge" -l tag -d 'With this tag' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand purge" -l older-than -d 'Stored before this: a duration ago, or a time' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand purge" -l newer-than -d 'Stored after this: a duration ago, or a time' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand purge" -l unused-for -d 'Not used for so long' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand purge" -l larger-than -d 'Bodies larger than this' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand purge" -l smaller-than -d 'Bodies smaller than this' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand purge" -l where -d 'An expression, such as "host ~ \'*.example.com\' and status in 5xx and age > 7d"' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand purge" -l keys-from -d 'Keys or URLs, one a line; - is standard input' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand purge" -l sort -d 'The order: a field as in --where, with :desc for the largest first; repeat for more' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand purge" -l limit -d 'At most this many; 0 is no limit' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand purge" -s j -l jobs -d 'How many operations are under way at the same time' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand purge" -l progress -d 'How progress is shown' -r -f -a "auto\t'A bar on a terminal, else lines'
bar\t''
lines\t''
none\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand purge" -s b -l backend -l store -d 'The store: a kind (file, sqlite, …), an address such as sqlite:cache.db, or a named store of the configuration [default: file]' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand purge" -l format -d 'How results are written [default: table on a terminal, else plain]' -r -f -a "table\t''
wide\t''
plain\t''
json\t''
ndjson\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand purge" -l config -d 'Read this configuration file and no other' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand purge" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand purge" -l log-format -d 'How standard error is written; json is one object a line' -r -f -a "text\t''
json\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand purge" -l all -d 'Remove everything'
complete -c cachectl -n "__fish_cachectl_using_subcommand purge" -l ignore-missing -d 'What was named and is not there is fine'
complete -c cachectl -n "__fish_cachectl_using_subcommand purge" -l error-on-empty -d 'Exit with 1 when nothing matches'
complete -c cachectl -n "__fish_cachectl_using_subcommand purge" -s n -l dry-run -d 'Show what would be done and change nothing'
complete -c cachectl -n "__fish_cachectl_using_subcommand purge" -s y -l yes -d 'Do not ask'
complete -c cachectl -n "__fish_cachectl_using_subcommand purge" -l no-input -d 'Never ask: what would need an answer is refused [default: where nobody can answer]'
complete -c cachectl -n "__fish_cachectl_using_subcommand purge" -l readonly -d 'Change nothing in the store, not even the count of uses'
complete -c cachectl -n "__fish_cachectl_using_subcommand purge" -l json -d 'The same as --format json'
complete -c cachectl -n "__fish_cachectl_using_subcommand purge" -l no-config -d 'Read no configuration file'
complete -c cachectl -n "__fish_cachectl_using_subcommand purge" -s v -l verbose -d 'Say more; repeat for requests and store calls (-vv), and everything (-vvv)'
complete -c cachectl -n "__fish_cachectl_using_subcommand purge" -s q -l quiet -d 'Say less; repeat to silence warnings too'
complete -c cachectl -n "__fish_cachectl_using_subcommand purge" -l show-secrets -d 'Show credentials instead of [redacted]'
complete -c cachectl -n "__fish_cachectl_using_subcommand purge" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cachectl -n "__fish_cachectl_using_subcommand rm" -l max-delete -d 'Remove nothing if it would be more entries than this' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand rm" -l compact -d 'Whether to give unused space back at the end; auto: when it is a quarter or more' -r -f -a "auto\t''
always\t''
never\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand rm" -l key -d 'Keys that match this glob' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand rm" -l url -d 'URLs that match this glob: * any characters, ? one, [a-z]' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand rm" -l host -d 'Hosts that match this glob' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand rm" -l url-regex -d 'URLs in which this regular expression is found' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand rm" -l method -d 'Requests with this method' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand rm" -l status -d 'Status codes: 200, 4xx, 400.., ..300, 500..=599, several with commas' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand rm" -l type -d 'Content types that match this glob, such as image/*' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand rm" -l state -d 'fresh, stale, expired or corrupt' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand rm" -l stored-as -d 'Written by this serializer' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand rm" -l tag -d 'With this tag' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand rm" -l older-than -d 'Stored before this: a duration ago, or a time' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand rm" -l newer-than -d 'Stored after this: a duration ago, or a time' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand rm" -l unused-for -d 'Not used for so long' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand rm" -l larger-than -d 'Bodies larger than this' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand rm" -l smaller-than -d 'Bodies smaller than this' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand rm" -l where -d 'An expression, such as "host ~ \'*.example.com\' and status in 5xx and age > 7d"' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand rm" -l keys-from -d 'Keys or URLs, one a line; - is standard input' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand rm" -l sort -d 'The order: a field as in --where, with :desc for the largest first; repeat for more' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand rm" -l limit -d 'At most this many; 0 is no limit' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand rm" -s j -l jobs -d 'How many operations are under way at the same time' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand rm" -l progress -d 'How progress is shown' -r -f -a "auto\t'A bar on a terminal, else lines'
bar\t''
lines\t''
none\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand rm" -s b -l backend -l store -d 'The store: a kind (file, sqlite, …), an address such as sqlite:cache.db, or a named store of the configuration [default: file]' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand rm" -l format -d 'How results are written [default: table on a terminal, else plain]' -r -f -a "table\t''
wide\t''
plain\t''
json\t''
ndjson\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand rm" -l config -d 'Read this configuration file and no other' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand rm" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand rm" -l log-format -d 'How standard error is written; json is one object a line' -r -f -a "text\t''
json\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand rm" -l all -d 'Remove everything'
complete -c cachectl -n "__fish_cachectl_using_subcommand rm" -l ignore-missing -d 'What was named and is not there is fine'
complete -c cachectl -n "__fish_cachectl_using_subcommand rm" -l error-on-empty -d 'Exit with 1 when nothing matches'
complete -c cachectl -n "__fish_cachectl_using_subcommand rm" -s n -l dry-run -d 'Show what would be done and change nothing'
complete -c cachectl -n "__fish_cachectl_using_subcommand rm" -s y -l yes -d 'Do not ask'
complete -c cachectl -n "__fish_cachectl_using_subcommand rm" -l no-input -d 'Never ask: what would need an answer is refused [default: where nobody can answer]'
complete -c cachectl -n "__fish_cachectl_using_subcommand rm" -l readonly -d 'Change nothing in the store, not even the count of uses'
complete -c cachectl -n "__fish_cachectl_using_subcommand rm" -l json -d 'The same as --format json'
complete -c cachectl -n "__fish_cachectl_using_subcommand rm" -l no-config -d 'Read no configuration file'
complete -c cachectl -n "__fish_cachectl_using_subcommand rm" -s v -l verbose -d 'Say more; repeat for requests and store calls (-vv), and everything (-vvv)'
complete -c cachectl -n "__fish_cachectl_using_subcommand rm" -s q -l quiet -d 'Say less; repeat to silence warnings too'
complete -c cachectl -n "__fish_cachectl_using_subcommand rm" -l show-secrets -d 'Show credentials instead of [redacted]'
complete -c cachectl -n "__fish_cachectl_using_subcommand rm" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cachectl -n "__fish_cachectl_using_subcommand gc" -l older-than -d 'Entries stored before this: a duration ago, or a time' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand gc" -l unused-for -d 'Entries not used for so long' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand gc" -l max-size -d 'The least recently used entries, until the rest takes no more than this' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand gc" -l max-entries -d 'The least recently used entries, until no more than this many stay' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand gc" -l only -d 'Look only at these entries (an expression as for --where)' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand gc" -l keep -d 'These entries stay, whatever else is said' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand gc" -l max-delete -d 'Remove nothing if it would be more entries than this' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand gc" -l compact -d 'Whether to give unused space back at the end; auto: when it is a quarter or more' -r -f -a "auto\t''
always\t''
never\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand gc" -s j -l jobs -d 'How many operations are under way at the same time' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand gc" -l progress -d 'How progress is shown' -r -f -a "auto\t'A bar on a terminal, else lines'
bar\t''
lines\t''
none\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand gc" -s b -l backend -l store -d 'The store: a kind (file, sqlite, …), an address such as sqlite:cache.db, or a named store of the configuration [default: file]' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand gc" -l format -d 'How results are written [default: table on a terminal, else plain]' -r -f -a "table\t''
wide\t''
plain\t''
json\t''
ndjson\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand gc" -l config -d 'Read this configuration file and no other' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand gc" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand gc" -l log-format -d 'How standard error is written; json is one object a line' -r -f -a "text\t''
json\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand gc" -l expired -d 'Entries whose store TTL is over, and leftovers'
complete -c cachectl -n "__fish_cachectl_using_subcommand gc" -l corrupt -d 'Entries that cannot be read'
complete -c cachectl -n "__fish_cachectl_using_subcommand gc" -s n -l dry-run -d 'Show what would be done and change nothing'
complete -c cachectl -n "__fish_cachectl_using_subcommand gc" -s y -l yes -d 'Do not ask'
complete -c cachectl -n "__fish_cachectl_using_subcommand gc" -l no-input -d 'Never ask: what would need an answer is refused [default: where nobody can answer]'
complete -c cachectl -n "__fish_cachectl_using_subcommand gc" -l readonly -d 'Change nothing in the store, not even the count of uses'
complete -c cachectl -n "__fish_cachectl_using_subcommand gc" -l json -d 'The same as --format json'
complete -c cachectl -n "__fish_cachectl_using_subcommand gc" -l no-config -d 'Read no configuration file'
complete -c cachectl -n "__fish_cachectl_using_subcommand gc" -s v -l verbose -d 'Say more; repeat for requests and store calls (-vv), and everything (-vvv)'
complete -c cachectl -n "__fish_cachectl_using_subcommand gc" -s q -l quiet -d 'Say less; repeat to silence warnings too'
complete -c cachectl -n "__fish_cachectl_using_subcommand gc" -l show-secrets -d 'Show credentials instead of [redacted]'
complete -c cachectl -n "__fish_cachectl_using_subcommand gc" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cachectl -n "__fish_cachectl_using_subcommand prune" -l older-than -d 'Entries stored before this: a duration ago, or a time' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand prune" -l unused-for -d 'Entries not used for so long' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand prune" -l max-size -d 'The least recently used entries, until the rest takes no more than this' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand prune" -l max-entries -d 'The least recently used entries, until no more than this many stay' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand prune" -l only -d 'Look only at these entries (an expression as for --where)' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand prune" -l keep -d 'These entries stay, whatever else is said' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand prune" -l max-delete -d 'Remove nothing if it would be more entries than this' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand prune" -l compact -d 'Whether to give unused space back at the end; auto: when it is a quarter or more' -r -f -a "auto\t''
always\t''
never\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand prune" -s j -l jobs -d 'How many operations are under way at the same time' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand prune" -l progress -d 'How progress is shown' -r -f -a "auto\t'A bar on a terminal, else lines'
bar\t''
lines\t''
none\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand prune" -s b -l backend -l store -d 'The store: a kind (file, sqlite, …), an address such as sqlite:cache.db, or a named store of the configuration [default: file]' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand prune" -l format -d 'How results are written [default: table on a terminal, else plain]' -r -f -a "table\t''
wide\t''
plain\t''
json\t''
ndjson\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand prune" -l config -d 'Read this configuration file and no other' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand prune" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand prune" -l log-format -d 'How standard error is written; json is one object a line' -r -f -a "text\t''
json\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand prune" -l expired -d 'Entries whose store TTL is over, and leftovers'
complete -c cachectl -n "__fish_cachectl_using_subcommand prune" -l corrupt -d 'Entries that cannot be read'
complete -c cachectl -n "__fish_cachectl_using_subcommand prune" -s n -l dry-run -d 'Show what would be done and change nothing'
complete -c cachectl -n "__fish_cachectl_using_subcommand prune" -s y -l yes -d 'Do not ask'
complete -c cachectl -n "__fish_cachectl_using_subcommand prune" -l no-input -d 'Never ask: what would need an answer is refused [default: where nobody can answer]'
complete -c cachectl -n "__fish_cachectl_using_subcommand prune" -l readonly -d 'Change nothing in the store, not even the count of uses'
complete -c cachectl -n "__fish_cachectl_using_subcommand prune" -l json -d 'The same as --format json'
complete -c cachectl -n "__fish_cachectl_using_subcommand prune" -l no-config -d 'Read no configuration file'
complete -c cachectl -n "__fish_cachectl_using_subcommand prune" -s v -l verbose -d 'Say more; repeat for requests and store calls (-vv), and everything (-vvv)'
complete -c cachectl -n "__fish_cachectl_using_subcommand prune" -s q -l quiet -d 'Say less; repeat to silence warnings too'
complete -c cachectl -n "__fish_cachectl_using_subcommand prune" -l show-secrets -d 'Show credentials instead of [redacted]'
complete -c cachectl -n "__fish_cachectl_using_subcommand prune" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cachectl -n "__fish_cachectl_using_subcommand stats" -l by -d 'Group by this' -r -f -a "host\t''
status\t''
type\t''
state\t''
serializer\t''
method\t''
age\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand stats" -l top -d 'The largest groups to show' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand stats" -l progress -d 'How progress is shown' -r -f -a "auto\t'A bar on a terminal, else lines'
bar\t''
lines\t''
none\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand stats" -l key -d 'Keys that match this glob' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand stats" -l url -d 'URLs that match this glob: * any characters, ? one, [a-z]' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand stats" -l host -d 'Hosts that match this glob' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand stats" -l url-regex -d 'URLs in which this regular expression is found' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand stats" -l method -d 'Requests with this method' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand stats" -l status -d 'Status codes: 200, 4xx, 400.., ..300, 500..=599, several with commas' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand stats" -l type -d 'Content types that match this glob, such as image/*' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand stats" -l state -d 'fresh, stale, expired or corrupt' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand stats" -l stored-as -d 'Written by this serializer' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand stats" -l tag -d 'With this tag' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand stats" -l older-than -d 'Stored before this: a duration ago, or a time' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand stats" -l newer-than -d 'Stored after this: a duration ago, or a time' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand stats" -l unused-for -d 'Not used for so long' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand stats" -l larger-than -d 'Bodies larger than this' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand stats" -l smaller-than -d 'Bodies smaller than this' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand stats" -l where -d 'An expression, such as "host ~ \'*.example.com\' and status in 5xx and age > 7d"' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand stats" -l keys-from -d 'Keys or URLs, one a line; - is standard input' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand stats" -l sort -d 'The order: a field as in --where, with :desc for the largest first; repeat for more' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand stats" -l limit -d 'At most this many; 0 is no limit' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand stats" -s b -l backend -l store -d 'The store: a kind (file, sqlite, …), an address such as sqlite:cache.db, or a named store of the configuration [default: file]' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand stats" -l format -d 'How results are written [default: table on a terminal, else plain]' -r -f -a "table\t''
wide\t''
plain\t''
json\t''
ndjson\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand stats" -l config -d 'Read this configuration file and no other' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand stats" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand stats" -l log-format -d 'How standard error is written; json is one object a line' -r -f -a "text\t''
json\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand stats" -l fast -d 'Only what the store knows without reading entries: how many records, how many bytes'
complete -c cachectl -n "__fish_cachectl_using_subcommand stats" -l readonly -d 'Change nothing in the store, not even the count of uses'
complete -c cachectl -n "__fish_cachectl_using_subcommand stats" -l json -d 'The same as --format json'
complete -c cachectl -n "__fish_cachectl_using_subcommand stats" -l no-config -d 'Read no configuration file'
complete -c cachectl -n "__fish_cachectl_using_subcommand stats" -s v -l verbose -d 'Say more; repeat for requests and store calls (-vv), and everything (-vvv)'
complete -c cachectl -n "__fish_cachectl_using_subcommand stats" -s q -l quiet -d 'Say less; repeat to silence warnings too'
complete -c cachectl -n "__fish_cachectl_using_subcommand stats" -l show-secrets -d 'Show credentials instead of [redacted]'
complete -c cachectl -n "__fish_cachectl_using_subcommand stats" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cachectl -n "__fish_cachectl_using_subcommand du" -l by -d 'Group by this' -r -f -a "host\t''
status\t''
type\t''
state\t''
serializer\t''
method\t''
age\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand du" -l top -d 'The largest groups to show' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand du" -l progress -d 'How progress is shown' -r -f -a "auto\t'A bar on a terminal, else lines'
bar\t''
lines\t''
none\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand du" -l key -d 'Keys that match this glob' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand du" -l url -d 'URLs that match this glob: * any characters, ? one, [a-z]' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand du" -l host -d 'Hosts that match this glob' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand du" -l url-regex -d 'URLs in which this regular expression is found' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand du" -l method -d 'Requests with this method' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand du" -l status -d 'Status codes: 200, 4xx, 400.., ..300, 500..=599, several with commas' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand du" -l type -d 'Content types that match this glob, such as image/*' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand du" -l state -d 'fresh, stale, expired or corrupt' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand du" -l stored-as -d 'Written by this serializer' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand du" -l tag -d 'With this tag' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand du" -l older-than -d 'Stored before this: a duration ago, or a time' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand du" -l newer-than -d 'Stored after this: a duration ago, or a time' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand du" -l unused-for -d 'Not used for so long' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand du" -l larger-than -d 'Bodies larger than this' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand du" -l smaller-than -d 'Bodies smaller than this' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand du" -l where -d 'An expression, such as "host ~ \'*.example.com\' and status in 5xx and age > 7d"' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand du" -l keys-from -d 'Keys or URLs, one a line; - is standard input' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand du" -l sort -d 'The order: a field as in --where, with :desc for the largest first; repeat for more' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand du" -l limit -d 'At most this many; 0 is no limit' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand du" -s b -l backend -l store -d 'The store: a kind (file, sqlite, …), an address such as sqlite:cache.db, or a named store of the configuration [default: file]' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand du" -l format -d 'How results are written [default: table on a terminal, else plain]' -r -f -a "table\t''
wide\t''
plain\t''
json\t''
ndjson\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand du" -l config -d 'Read this configuration file and no other' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand du" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand du" -l log-format -d 'How standard error is written; json is one object a line' -r -f -a "text\t''
json\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand du" -l fast -d 'Only what the store knows without reading entries: how many records, how many bytes'
complete -c cachectl -n "__fish_cachectl_using_subcommand du" -l readonly -d 'Change nothing in the store, not even the count of uses'
complete -c cachectl -n "__fish_cachectl_using_subcommand du" -l json -d 'The same as --format json'
complete -c cachectl -n "__fish_cachectl_using_subcommand du" -l no-config -d 'Read no configuration file'
complete -c cachectl -n "__fish_cachectl_using_subcommand du" -s v -l verbose -d 'Say more; repeat for requests and store calls (-vv), and everything (-vvv)'
complete -c cachectl -n "__fish_cachectl_using_subcommand du" -s q -l quiet -d 'Say less; repeat to silence warnings too'
complete -c cachectl -n "__fish_cachectl_using_subcommand du" -l show-secrets -d 'Show credentials instead of [redacted]'
complete -c cachectl -n "__fish_cachectl_using_subcommand du" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cachectl -n "__fish_cachectl_using_subcommand verify" -l sample -d 'Read only this share of the bodies, in percent' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand verify" -l quarantine -d 'Where --repair saves what it removes' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand verify" -l key -d 'Keys that match this glob' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand verify" -l url -d 'URLs that match this glob: * any characters, ? one, [a-z]' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand verify" -l host -d 'Hosts that match this glob' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand verify" -l url-regex -d 'URLs in which this regular expression is found' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand verify" -l method -d 'Requests with this method' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand verify" -l status -d 'Status codes: 200, 4xx, 400.., ..300, 500..=599, several with commas' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand verify" -l type -d 'Content types that match this glob, such as image/*' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand verify" -l state -d 'fresh, stale, expired or corrupt' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand verify" -l stored-as -d 'Written by this serializer' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand verify" -l tag -d 'With this tag' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand verify" -l older-than -d 'Stored before this: a duration ago, or a time' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand verify" -l newer-than -d 'Stored after this: a duration ago, or a time' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand verify" -l unused-for -d 'Not used for so long' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand verify" -l larger-than -d 'Bodies larger than this' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand verify" -l smaller-than -d 'Bodies smaller than this' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand verify" -l where -d 'An expression, such as "host ~ \'*.example.com\' and status in 5xx and age > 7d"' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand verify" -l keys-from -d 'Keys or URLs, one a line; - is standard input' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand verify" -l sort -d 'The order: a field as in --where, with :desc for the largest first; repeat for more' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand verify" -l limit -d 'At most this many; 0 is no limit' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand verify" -s j -l jobs -d 'How many operations are under way at the same time' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand verify" -l progress -d 'How progress is shown' -r -f -a "auto\t'A bar on a terminal, else lines'
bar\t''
lines\t''
none\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand verify" -s b -l backend -l store -d 'The store: a kind (file, sqlite, …), an address such as sqlite:cache.db, or a named store of the configuration [default: file]' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand verify" -l format -d 'How results are written [default: table on a terminal, else plain]' -r -f -a "table\t''
wide\t''
plain\t''
json\t''
ndjson\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand verify" -l config -d 'Read this configuration file and no other' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand verify" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand verify" -l log-format -d 'How standard error is written; json is one object a line' -r -f -a "text\t''
json\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand verify" -l repair -d 'Remove what is damaged, after saving it'
complete -c cachectl -n "__fish_cachectl_using_subcommand verify" -s n -l dry-run -d 'Show what would be done and change nothing'
complete -c cachectl -n "__fish_cachectl_using_subcommand verify" -s y -l yes -d 'Do not ask'
complete -c cachectl -n "__fish_cachectl_using_subcommand verify" -l no-input -d 'Never ask: what would need an answer is refused [default: where nobody can answer]'
complete -c cachectl -n "__fish_cachectl_using_subcommand verify" -l readonly -d 'Change nothing in the store, not even the count of uses'
complete -c cachectl -n "__fish_cachectl_using_subcommand verify" -l json -d 'The same as --format json'
complete -c cachectl -n "__fish_cachectl_using_subcommand verify" -l no-config -d 'Read no configuration file'
complete -c cachectl -n "__fish_cachectl_using_subcommand verify" -s v -l verbose -d 'Say more; repeat for requests and store calls (-vv), and everything (-vvv)'
complete -c cachectl -n "__fish_cachectl_using_subcommand verify" -s q -l quiet -d 'Say less; repeat to silence warnings too'
complete -c cachectl -n "__fish_cachectl_using_subcommand verify" -l show-secrets -d 'Show credentials instead of [redacted]'
complete -c cachectl -n "__fish_cachectl_using_subcommand verify" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cachectl -n "__fish_cachectl_using_subcommand fsck" -l sample -d 'Read only this share of the bodies, in percent' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand fsck" -l quarantine -d 'Where --repair saves what it removes' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand fsck" -l key -d 'Keys that match this glob' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand fsck" -l url -d 'URLs that match this glob: * any characters, ? one, [a-z]' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand fsck" -l host -d 'Hosts that match this glob' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand fsck" -l url-regex -d 'URLs in which this regular expression is found' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand fsck" -l method -d 'Requests with this method' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand fsck" -l status -d 'Status codes: 200, 4xx, 400.., ..300, 500..=599, several with commas' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand fsck" -l type -d 'Content types that match this glob, such as image/*' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand fsck" -l state -d 'fresh, stale, expired or corrupt' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand fsck" -l stored-as -d 'Written by this serializer' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand fsck" -l tag -d 'With this tag' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand fsck" -l older-than -d 'Stored before this: a duration ago, or a time' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand fsck" -l newer-than -d 'Stored after this: a duration ago, or a time' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand fsck" -l unused-for -d 'Not used for so long' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand fsck" -l larger-than -d 'Bodies larger than this' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand fsck" -l smaller-than -d 'Bodies smaller than this' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand fsck" -l where -d 'An expression, such as "host ~ \'*.example.com\' and status in 5xx and age > 7d"' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand fsck" -l keys-from -d 'Keys or URLs, one a line; - is standard input' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand fsck" -l sort -d 'The order: a field as in --where, with :desc for the largest first; repeat for more' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand fsck" -l limit -d 'At most this many; 0 is no limit' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand fsck" -s j -l jobs -d 'How many operations are under way at the same time' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand fsck" -l progress -d 'How progress is shown' -r -f -a "auto\t'A bar on a terminal, else lines'
bar\t''
lines\t''
none\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand fsck" -s b -l backend -l store -d 'The store: a kind (file, sqlite, …), an address such as sqlite:cache.db, or a named store of the configuration [default: file]' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand fsck" -l format -d 'How results are written [default: table on a terminal, else plain]' -r -f -a "table\t''
wide\t''
plain\t''
json\t''
ndjson\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand fsck" -l config -d 'Read this configuration file and no other' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand fsck" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand fsck" -l log-format -d 'How standard error is written; json is one object a line' -r -f -a "text\t''
json\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand fsck" -l repair -d 'Remove what is damaged, after saving it'
complete -c cachectl -n "__fish_cachectl_using_subcommand fsck" -s n -l dry-run -d 'Show what would be done and change nothing'
complete -c cachectl -n "__fish_cachectl_using_subcommand fsck" -s y -l yes -d 'Do not ask'
complete -c cachectl -n "__fish_cachectl_using_subcommand fsck" -l no-input -d 'Never ask: what would need an answer is refused [default: where nobody can answer]'
complete -c cachectl -n "__fish_cachectl_using_subcommand fsck" -l readonly -d 'Change nothing in the store, not even the count of uses'
complete -c cachectl -n "__fish_cachectl_using_subcommand fsck" -l json -d 'The same as --format json'
complete -c cachectl -n "__fish_cachectl_using_subcommand fsck" -l no-config -d 'Read no configuration file'
complete -c cachectl -n "__fish_cachectl_using_subcommand fsck" -s v -l verbose -d 'Say more; repeat for requests and store calls (-vv), and everything (-vvv)'
complete -c cachectl -n "__fish_cachectl_using_subcommand fsck" -s q -l quiet -d 'Say less; repeat to silence warnings too'
complete -c cachectl -n "__fish_cachectl_using_subcommand fsck" -l show-secrets -d 'Show credentials instead of [redacted]'
complete -c cachectl -n "__fish_cachectl_using_subcommand fsck" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cachectl -n "__fish_cachectl_using_subcommand explain" -s X -l request -d 'As if the request had this method' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand explain" -s H -l header -d 'As if the request had this header field' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand explain" -s b -l backend -l store -d 'The store: a kind (file, sqlite, …), an address such as sqlite:cache.db, or a named store of the configuration [default: file]' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand explain" -l format -d 'How results are written [default: table on a terminal, else plain]' -r -f -a "table\t''
wide\t''
plain\t''
json\t''
ndjson\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand explain" -l config -d 'Read this configuration file and no other' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand explain" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand explain" -l log-format -d 'How standard error is written; json is one object a line' -r -f -a "text\t''
json\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand explain" -l readonly -d 'Change nothing in the store, not even the count of uses'
complete -c cachectl -n "__fish_cachectl_using_subcommand explain" -l json -d 'The same as --format json'
complete -c cachectl -n "__fish_cachectl_using_subcommand explain" -l no-config -d 'Read no configuration file'
complete -c cachectl -n "__fish_cachectl_using_subcommand explain" -s v -l verbose -d 'Say more; repeat for requests and store calls (-vv), and everything (-vvv)'
complete -c cachectl -n "__fish_cachectl_using_subcommand explain" -s q -l quiet -d 'Say less; repeat to silence warnings too'
complete -c cachectl -n "__fish_cachectl_using_subcommand explain" -l show-secrets -d 'Show credentials instead of [redacted]'
complete -c cachectl -n "__fish_cachectl_using_subcommand explain" -s h -l help -d 'Print help'
complete -c cachectl -n "__fish_cachectl_using_subcommand why" -s X -l request -d 'As if the request had this method' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand why" -s H -l header -d 'As if the request had this header field' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand why" -s b -l backend -l store -d 'The store: a kind (file, sqlite, …), an address such as sqlite:cache.db, or a named store of the configuration [default: file]' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand why" -l format -d 'How results are written [default: table on a terminal, else plain]' -r -f -a "table\t''
wide\t''
plain\t''
json\t''
ndjson\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand why" -l config -d 'Read this configuration file and no other' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand why" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand why" -l log-format -d 'How standard error is written; json is one object a line' -r -f -a "text\t''
json\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand why" -l readonly -d 'Change nothing in the store, not even the count of uses'
complete -c cachectl -n "__fish_cachectl_using_subcommand why" -l json -d 'The same as --format json'
complete -c cachectl -n "__fish_cachectl_using_subcommand why" -l no-config -d 'Read no configuration file'
complete -c cachectl -n "__fish_cachectl_using_subcommand why" -s v -l verbose -d 'Say more; repeat for requests and store calls (-vv), and everything (-vvv)'
complete -c cachectl -n "__fish_cachectl_using_subcommand why" -s q -l quiet -d 'Say less; repeat to silence warnings too'
complete -c cachectl -n "__fish_cachectl_using_subcommand why" -l show-secrets -d 'Show credentials instead of [redacted]'
complete -c cachectl -n "__fish_cachectl_using_subcommand why" -s h -l help -d 'Print help'
complete -c cachectl -n "__fish_cachectl_using_subcommand config; and not __fish_seen_subcommand_from show path check" -l config -d 'Read this configuration file and no other' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand config; and not __fish_seen_subcommand_from show path check" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand config; and not __fish_seen_subcommand_from show path check" -l log-format -d 'How standard error is written; json is one object a line' -r -f -a "text\t''
json\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand config; and not __fish_seen_subcommand_from show path check" -l no-config -d 'Read no configuration file'
complete -c cachectl -n "__fish_cachectl_using_subcommand config; and not __fish_seen_subcommand_from show path check" -s v -l verbose -d 'Say more; repeat for requests and store calls (-vv), and everything (-vvv)'
complete -c cachectl -n "__fish_cachectl_using_subcommand config; and not __fish_seen_subcommand_from show path check" -s q -l quiet -d 'Say less; repeat to silence warnings too'
complete -c cachectl -n "__fish_cachectl_using_subcommand config; and not __fish_seen_subcommand_from show path check" -l show-secrets -d 'Show credentials instead of [redacted]'
complete -c cachectl -n "__fish_cachectl_using_subcommand config; and not __fish_seen_subcommand_from show path check" -s h -l help -d 'Print help'
complete -c cachectl -n "__fish_cachectl_using_subcommand config; and not __fish_seen_subcommand_from show path check" -f -a "show" -d 'Show the effective settings, credentials hidden'
complete -c cachectl -n "__fish_cachectl_using_subcommand config; and not __fish_seen_subcommand_from show path check" -f -a "path" -d 'Show which files are looked for, and which are there'
complete -c cachectl -n "__fish_cachectl_using_subcommand config; and not __fish_seen_subcommand_from show path check" -f -a "check" -d 'Parse everything and resolve every store: the one in force, then those that have names'
complete -c cachectl -n "__fish_cachectl_using_subcommand config; and __fish_seen_subcommand_from show" -s b -l backend -l store -d 'The store: a kind (file, sqlite, …), an address such as sqlite:cache.db, or a named store of the configuration [default: file]' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand config; and __fish_seen_subcommand_from show" -l config -d 'Read this configuration file and no other' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand config; and __fish_seen_subcommand_from show" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand config; and __fish_seen_subcommand_from show" -l log-format -d 'How standard error is written; json is one object a line' -r -f -a "text\t''
json\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand config; and __fish_seen_subcommand_from show" -l origin -d 'Say which layer each one comes from'
complete -c cachectl -n "__fish_cachectl_using_subcommand config; and __fish_seen_subcommand_from show" -l json -d 'Print a JSON object'
complete -c cachectl -n "__fish_cachectl_using_subcommand config; and __fish_seen_subcommand_from show" -l readonly -d 'Change nothing in the store, not even the count of uses'
complete -c cachectl -n "__fish_cachectl_using_subcommand config; and __fish_seen_subcommand_from show" -l no-config -d 'Read no configuration file'
complete -c cachectl -n "__fish_cachectl_using_subcommand config; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Say more; repeat for requests and store calls (-vv), and everything (-vvv)'
complete -c cachectl -n "__fish_cachectl_using_subcommand config; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Say less; repeat to silence warnings too'
complete -c cachectl -n "__fish_cachectl_using_subcommand config; and __fish_seen_subcommand_from show" -l show-secrets -d 'Show credentials instead of [redacted]'
complete -c cachectl -n "__fish_cachectl_using_subcommand config; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c cachectl -n "__fish_cachectl_using_subcommand config; and __fish_seen_subcommand_from path" -l config -d 'Read this configuration file and no other' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand config; and __fish_seen_subcommand_from path" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand config; and __fish_seen_subcommand_from path" -l log-format -d 'How standard error is written; json is one object a line' -r -f -a "text\t''
json\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand config; and __fish_seen_subcommand_from path" -l no-config -d 'Read no configuration file'
complete -c cachectl -n "__fish_cachectl_using_subcommand config; and __fish_seen_subcommand_from path" -s v -l verbose -d 'Say more; repeat for requests and store calls (-vv), and everything (-vvv)'
complete -c cachectl -n "__fish_cachectl_using_subcommand config; and __fish_seen_subcommand_from path" -s q -l quiet -d 'Say less; repeat to silence warnings too'
complete -c cachectl -n "__fish_cachectl_using_subcommand config; and __fish_seen_subcommand_from path" -l show-secrets -d 'Show credentials instead of [redacted]'
complete -c cachectl -n "__fish_cachectl_using_subcommand config; and __fish_seen_subcommand_from path" -s h -l help -d 'Print help'
complete -c cachectl -n "__fish_cachectl_using_subcommand config; and __fish_seen_subcommand_from check" -s b -l backend -l store -d 'The store: a kind (file, sqlite, …), an address such as sqlite:cache.db, or a named store of the configuration [default: file]' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand config; and __fish_seen_subcommand_from check" -l format -d 'How results are written [default: table on a terminal, else plain]' -r -f -a "table\t''
wide\t''
plain\t''
json\t''
ndjson\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand config; and __fish_seen_subcommand_from check" -l config -d 'Read this configuration file and no other' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand config; and __fish_seen_subcommand_from check" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand config; and __fish_seen_subcommand_from check" -l log-format -d 'How standard error is written; json is one object a line' -r -f -a "text\t''
json\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand config; and __fish_seen_subcommand_from check" -l connect -d 'Open each store too'
complete -c cachectl -n "__fish_cachectl_using_subcommand config; and __fish_seen_subcommand_from check" -l readonly -d 'Change nothing in the store, not even the count of uses'
complete -c cachectl -n "__fish_cachectl_using_subcommand config; and __fish_seen_subcommand_from check" -l json -d 'The same as --format json'
complete -c cachectl -n "__fish_cachectl_using_subcommand config; and __fish_seen_subcommand_from check" -l no-config -d 'Read no configuration file'
complete -c cachectl -n "__fish_cachectl_using_subcommand config; and __fish_seen_subcommand_from check" -s v -l verbose -d 'Say more; repeat for requests and store calls (-vv), and everything (-vvv)'
complete -c cachectl -n "__fish_cachectl_using_subcommand config; and __fish_seen_subcommand_from check" -s q -l quiet -d 'Say less; repeat to silence warnings too'
complete -c cachectl -n "__fish_cachectl_using_subcommand config; and __fish_seen_subcommand_from check" -l show-secrets -d 'Show credentials instead of [redacted]'
complete -c cachectl -n "__fish_cachectl_using_subcommand config; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help'
complete -c cachectl -n "__fish_cachectl_using_subcommand completions" -l config -d 'Read this configuration file and no other' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand completions" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand completions" -l log-format -d 'How standard error is written; json is one object a line' -r -f -a "text\t''
json\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand completions" -l no-config -d 'Read no configuration file'
complete -c cachectl -n "__fish_cachectl_using_subcommand completions" -s v -l verbose -d 'Say more; repeat for requests and store calls (-vv), and everything (-vvv)'
complete -c cachectl -n "__fish_cachectl_using_subcommand completions" -s q -l quiet -d 'Say less; repeat to silence warnings too'
complete -c cachectl -n "__fish_cachectl_using_subcommand completions" -l show-secrets -d 'Show credentials instead of [redacted]'
complete -c cachectl -n "__fish_cachectl_using_subcommand completions" -s h -l help -d 'Print help'
complete -c cachectl -n "__fish_cachectl_using_subcommand man" -l dir -d 'Write one page for each command into this folder' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand man" -l config -d 'Read this configuration file and no other' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand man" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand man" -l log-format -d 'How standard error is written; json is one object a line' -r -f -a "text\t''
json\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand man" -l no-config -d 'Read no configuration file'
complete -c cachectl -n "__fish_cachectl_using_subcommand man" -s v -l verbose -d 'Say more; repeat for requests and store calls (-vv), and everything (-vvv)'
complete -c cachectl -n "__fish_cachectl_using_subcommand man" -s q -l quiet -d 'Say less; repeat to silence warnings too'
complete -c cachectl -n "__fish_cachectl_using_subcommand man" -l show-secrets -d 'Show credentials instead of [redacted]'
complete -c cachectl -n "__fish_cachectl_using_subcommand man" -s h -l help -d 'Print help'
