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
complete -c cachectl -n "__fish_cachectl_needs_command" -f -a "list" -d 'List entries'
complete -c cachectl -n "__fish_cachectl_needs_command" -f -a "ls" -d 'List entries'
complete -c cachectl -n "__fish_cachectl_needs_command" -f -a "inspect" -d 'Show everything known about entries'
complete -c cachectl -n "__fish_cachectl_needs_command" -f -a "show" -d 'Show everything known about entries'
complete -c cachectl -n "__fish_cachectl_needs_command" -f -a "body" -d 'Print the stored body of an entry'
complete -c cachectl -n "__fish_cachectl_needs_command" -f -a "cat" -d 'Print the stored body of an entry'
complete -c cachectl -n "__fish_cachectl_needs_command" -f -a "explain" -d 'Say why a request would be a hit or a miss'
complete -c cachectl -n "__fish_cachectl_needs_command" -f -a "why" -d 'Say why a request would be a hit or a miss'
complete -c cachectl -n "__fish_cachectl_needs_command" -f -a "config" -d 'Show and check the configuration'
complete -c cachectl -n "__fish_cachectl_needs_command" -f -a "completions" -d 'Print a completion script for a shell'
complete -c cachectl -n "__fish_cachectl_needs_command" -f -a "man" -d 'Print the manual, or write its pages to a folder'
complete -c cachectl -n "__fish_cachectl_using_subcommand get" -s o -l output -d 'Write the body to FILE, in one piece or not at all; - is standard output, also a terminal' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand get" -s X -l request -d 'Use this request method; only GET is stored' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand get" -s H -l header -d 'Send this header field; @FILE reads one a line, to keep secrets out of the process list' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand get" -l max-redirs -d 'Follow at most this many redirects' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand get" -s w -l write-out -d 'After the body print TEXT with %{http_code}, %{content_type}, %{size_download}, %{time_total}, %{url_effective}, %{cache}, %{cache_status}, %{cache_key}, %{age}, %{ttl}' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand get" -l max-time -d 'Limit the whole of it, redirects and retries included' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand get" -l connect-timeout -d 'Limit connecting [default: 10s]' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand get" -l read-timeout -d 'Limit how long the origin may be silent [default: 30s]' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand get" -l retry -d 'Try again so often after connection errors, 429 and 502 to 504; obeys Retry-After' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand get" -l max-age -d 'Accept no answer older than this' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand get" -l max-stale -d 'Accept stale answers, up to DUR of staleness' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand get" -l stale-if-error -d 'Serve a stale answer when the origin fails, up to DUR of staleness' -r
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
complete -c cachectl -n "__fish_cachectl_using_subcommand get" -l revalidate -d 'Ask the origin whether the stored answer still holds, even if it is fresh'
complete -c cachectl -n "__fish_cachectl_using_subcommand get" -l refresh -d 'Fetch anew, whatever is stored'
complete -c cachectl -n "__fish_cachectl_using_subcommand get" -l compressed -d 'Ask for gzip, br and zstd; store what comes, undo it on the way out'
complete -c cachectl -n "__fish_cachectl_using_subcommand get" -l no-store -d 'Look up nothing and store nothing'
complete -c cachectl -n "__fish_cachectl_using_subcommand get" -l force-cache -d 'Store and serve for --ttl even what the headers forbid'
complete -c cachectl -n "__fish_cachectl_using_subcommand get" -l best-effort -d 'Trouble with the store is a warning only: the fetch goes on without it'
complete -c cachectl -n "__fish_cachectl_using_subcommand get" -s f -l fail -d 'Print a status of 400 and above as a failure without its body'
complete -c cachectl -n "__fish_cachectl_using_subcommand get" -l fail-with-body -d 'Print the body of a failure too, also into -o FILE'
complete -c cachectl -n "__fish_cachectl_using_subcommand get" -l no-fail -d 'Treat every status as a success'
complete -c cachectl -n "__fish_cachectl_using_subcommand get" -l why -d 'Explain the decision on standard error'
complete -c cachectl -n "__fish_cachectl_using_subcommand get" -l json -d 'Print a report as JSON; the body goes to -o FILE only'
complete -c cachectl -n "__fish_cachectl_using_subcommand get" -l readonly -d 'Change nothing in the store, not even the count of uses'
complete -c cachectl -n "__fish_cachectl_using_subcommand get" -l no-config -d 'Read no configuration file'
complete -c cachectl -n "__fish_cachectl_using_subcommand get" -s v -l verbose -d 'Say more; repeat for requests and store calls (-vv), and everything (-vvv)'
complete -c cachectl -n "__fish_cachectl_using_subcommand get" -s q -l quiet -d 'Say less; repeat to silence warnings too'
complete -c cachectl -n "__fish_cachectl_using_subcommand get" -l show-secrets -d 'Show credentials instead of [redacted]'
complete -c cachectl -n "__fish_cachectl_using_subcommand get" -s h -l help -d 'Print help'
complete -c cachectl -n "__fish_cachectl_using_subcommand fetch" -s o -l output -d 'Write the body to FILE, in one piece or not at all; - is standard output, also a terminal' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand fetch" -s X -l request -d 'Use this request method; only GET is stored' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand fetch" -s H -l header -d 'Send this header field; @FILE reads one a line, to keep secrets out of the process list' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand fetch" -l max-redirs -d 'Follow at most this many redirects' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand fetch" -s w -l write-out -d 'After the body print TEXT with %{http_code}, %{content_type}, %{size_download}, %{time_total}, %{url_effective}, %{cache}, %{cache_status}, %{cache_key}, %{age}, %{ttl}' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand fetch" -l max-time -d 'Limit the whole of it, redirects and retries included' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand fetch" -l connect-timeout -d 'Limit connecting [default: 10s]' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand fetch" -l read-timeout -d 'Limit how long the origin may be silent [default: 30s]' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand fetch" -l retry -d 'Try again so often after connection errors, 429 and 502 to 504; obeys Retry-After' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand fetch" -l max-age -d 'Accept no answer older than this' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand fetch" -l max-stale -d 'Accept stale answers, up to DUR of staleness' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand fetch" -l stale-if-error -d 'Serve a stale answer when the origin fails, up to DUR of staleness' -r
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
complete -c cachectl -n "__fish_cachectl_using_subcommand fetch" -l revalidate -d 'Ask the origin whether the stored answer still holds, even if it is fresh'
complete -c cachectl -n "__fish_cachectl_using_subcommand fetch" -l refresh -d 'Fetch anew, whatever is stored'
complete -c cachectl -n "__fish_cachectl_using_subcommand fetch" -l compressed -d 'Ask for gzip, br and zstd; store what comes, undo it on the way out'
complete -c cachectl -n "__fish_cachectl_using_subcommand fetch" -l no-store -d 'Look up nothing and store nothing'
complete -c cachectl -n "__fish_cachectl_using_subcommand fetch" -l force-cache -d 'Store and serve for --ttl even what the headers forbid'
complete -c cachectl -n "__fish_cachectl_using_subcommand fetch" -l best-effort -d 'Trouble with the store is a warning only: the fetch goes on without it'
complete -c cachectl -n "__fish_cachectl_using_subcommand fetch" -s f -l fail -d 'Print a status of 400 and above as a failure without its body'
complete -c cachectl -n "__fish_cachectl_using_subcommand fetch" -l fail-with-body -d 'Print the body of a failure too, also into -o FILE'
complete -c cachectl -n "__fish_cachectl_using_subcommand fetch" -l no-fail -d 'Treat every status as a success'
complete -c cachectl -n "__fish_cachectl_using_subcommand fetch" -l why -d 'Explain the decision on standard error'
complete -c cachectl -n "__fish_cachectl_using_subcommand fetch" -l json -d 'Print a report as JSON; the body goes to -o FILE only'
complete -c cachectl -n "__fish_cachectl_using_subcommand fetch" -l readonly -d 'Change nothing in the store, not even the count of uses'
complete -c cachectl -n "__fish_cachectl_using_subcommand fetch" -l no-config -d 'Read no configuration file'
complete -c cachectl -n "__fish_cachectl_using_subcommand fetch" -s v -l verbose -d 'Say more; repeat for requests and store calls (-vv), and everything (-vvv)'
complete -c cachectl -n "__fish_cachectl_using_subcommand fetch" -s q -l quiet -d 'Say less; repeat to silence warnings too'
complete -c cachectl -n "__fish_cachectl_using_subcommand fetch" -l show-secrets -d 'Show credentials instead of [redacted]'
complete -c cachectl -n "__fish_cachectl_using_subcommand fetch" -s h -l help -d 'Print help'
complete -c cachectl -n "__fish_cachectl_using_subcommand list" -l limit -d 'Show at most this many; 0 is no limit [default: 100 for a table on a terminal]' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand list" -l key -d 'Keys that match this glob' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand list" -l url -d 'URLs that match this glob: * any characters, ? one, [a-z]' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand list" -l host -d 'Hosts that match this glob' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand list" -l url-regex -d 'URLs in which this regular expression is found' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand list" -l method -d 'Requests with this method' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand list" -l status -d 'Status codes: 200, 4xx, 400.., ..300, 500..=599, several with commas' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand list" -l type -d 'Content types that match this glob, such as image/*' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand list" -l state -d 'fresh, stale, expired or corrupt' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand list" -l stored-as -d 'Written by this serializer' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand list" -l older-than -d 'Stored before this: a duration ago, or a time' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand list" -l newer-than -d 'Stored after this: a duration ago, or a time' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand list" -l unused-for -d 'Not used for so long' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand list" -l larger-than -d 'Bodies larger than this' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand list" -l smaller-than -d 'Bodies smaller than this' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand list" -l where -d 'An expression, such as "host ~ \'*.example.com\' and status in 5xx and age > 7d"' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand list" -l keys-from -d 'Keys or URLs, one a line; - is standard input' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand list" -s b -l backend -l store -d 'The store: a kind (file, sqlite, …), an address such as sqlite:cache.db, or a named store of the configuration [default: file]' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand list" -l format -d 'How results are written [default: table on a terminal, else plain]' -r -f -a "table\t'For people, cut to the terminal'
wide\t'For people, everything'
plain\t'One record a line, fields separated by TAB'
json\t'One JSON document'
ndjson\t'One JSON object a line'"
complete -c cachectl -n "__fish_cachectl_using_subcommand list" -l config -d 'Read this configuration file and no other' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand list" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand list" -l log-format -d 'How standard error is written; json is one object a line' -r -f -a "text\t''
json\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand list" -l keys -d 'Print keys only'
complete -c cachectl -n "__fish_cachectl_using_subcommand list" -s 0 -l null -d 'End keys with NUL instead of a line end'
complete -c cachectl -n "__fish_cachectl_using_subcommand list" -l json -d 'The same as --format json'
complete -c cachectl -n "__fish_cachectl_using_subcommand list" -l no-config -d 'Read no configuration file'
complete -c cachectl -n "__fish_cachectl_using_subcommand list" -s v -l verbose -d 'Say more; repeat for requests and store calls (-vv), and everything (-vvv)'
complete -c cachectl -n "__fish_cachectl_using_subcommand list" -s q -l quiet -d 'Say less; repeat to silence warnings too'
complete -c cachectl -n "__fish_cachectl_using_subcommand list" -l show-secrets -d 'Show credentials instead of [redacted]'
complete -c cachectl -n "__fish_cachectl_using_subcommand list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cachectl -n "__fish_cachectl_using_subcommand ls" -l limit -d 'Show at most this many; 0 is no limit [default: 100 for a table on a terminal]' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand ls" -l key -d 'Keys that match this glob' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand ls" -l url -d 'URLs that match this glob: * any characters, ? one, [a-z]' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand ls" -l host -d 'Hosts that match this glob' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand ls" -l url-regex -d 'URLs in which this regular expression is found' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand ls" -l method -d 'Requests with this method' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand ls" -l status -d 'Status codes: 200, 4xx, 400.., ..300, 500..=599, several with commas' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand ls" -l type -d 'Content types that match this glob, such as image/*' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand ls" -l state -d 'fresh, stale, expired or corrupt' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand ls" -l stored-as -d 'Written by this serializer' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand ls" -l older-than -d 'Stored before this: a duration ago, or a time' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand ls" -l newer-than -d 'Stored after this: a duration ago, or a time' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand ls" -l unused-for -d 'Not used for so long' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand ls" -l larger-than -d 'Bodies larger than this' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand ls" -l smaller-than -d 'Bodies smaller than this' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand ls" -l where -d 'An expression, such as "host ~ \'*.example.com\' and status in 5xx and age > 7d"' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand ls" -l keys-from -d 'Keys or URLs, one a line; - is standard input' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand ls" -s b -l backend -l store -d 'The store: a kind (file, sqlite, …), an address such as sqlite:cache.db, or a named store of the configuration [default: file]' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand ls" -l format -d 'How results are written [default: table on a terminal, else plain]' -r -f -a "table\t'For people, cut to the terminal'
wide\t'For people, everything'
plain\t'One record a line, fields separated by TAB'
json\t'One JSON document'
ndjson\t'One JSON object a line'"
complete -c cachectl -n "__fish_cachectl_using_subcommand ls" -l config -d 'Read this configuration file and no other' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand ls" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand ls" -l log-format -d 'How standard error is written; json is one object a line' -r -f -a "text\t''
json\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand ls" -l keys -d 'Print keys only'
complete -c cachectl -n "__fish_cachectl_using_subcommand ls" -s 0 -l null -d 'End keys with NUL instead of a line end'
complete -c cachectl -n "__fish_cachectl_using_subcommand ls" -l json -d 'The same as --format json'
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
complete -c cachectl -n "__fish_cachectl_using_subcommand inspect" -l older-than -d 'Stored before this: a duration ago, or a time' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand inspect" -l newer-than -d 'Stored after this: a duration ago, or a time' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand inspect" -l unused-for -d 'Not used for so long' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand inspect" -l larger-than -d 'Bodies larger than this' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand inspect" -l smaller-than -d 'Bodies smaller than this' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand inspect" -l where -d 'An expression, such as "host ~ \'*.example.com\' and status in 5xx and age > 7d"' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand inspect" -l keys-from -d 'Keys or URLs, one a line; - is standard input' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand inspect" -s b -l backend -l store -d 'The store: a kind (file, sqlite, …), an address such as sqlite:cache.db, or a named store of the configuration [default: file]' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand inspect" -l format -d 'How results are written [default: table on a terminal, else plain]' -r -f -a "table\t'For people, cut to the terminal'
wide\t'For people, everything'
plain\t'One record a line, fields separated by TAB'
json\t'One JSON document'
ndjson\t'One JSON object a line'"
complete -c cachectl -n "__fish_cachectl_using_subcommand inspect" -l config -d 'Read this configuration file and no other' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand inspect" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand inspect" -l log-format -d 'How standard error is written; json is one object a line' -r -f -a "text\t''
json\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand inspect" -l json -d 'The same as --format json'
complete -c cachectl -n "__fish_cachectl_using_subcommand inspect" -l no-config -d 'Read no configuration file'
complete -c cachectl -n "__fish_cachectl_using_subcommand inspect" -s v -l verbose -d 'Say more; repeat for requests and store calls (-vv), and everything (-vvv)'
complete -c cachectl -n "__fish_cachectl_using_subcommand inspect" -s q -l quiet -d 'Say less; repeat to silence warnings too'
complete -c cachectl -n "__fish_cachectl_using_subcommand inspect" -l show-secrets -d 'Show credentials instead of [redacted]'
complete -c cachectl -n "__fish_cachectl_using_subcommand inspect" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cachectl -n "__fish_cachectl_using_subcommand show" -l key -d 'Keys that match this glob' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand show" -l url -d 'URLs that match this glob: * any characters, ? one, [a-z]' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand show" -l host -d 'Hosts that match this glob' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand show" -l url-regex -d 'URLs in which this regular expression is found' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand show" -l method -d 'Requests with this method' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand show" -l status -d 'Status codes: 200, 4xx, 400.., ..300, 500..=599, several with commas' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand show" -l type -d 'Content types that match this glob, such as image/*' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand show" -l state -d 'fresh, stale, expired or corrupt' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand show" -l stored-as -d 'Written by this serializer' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand show" -l older-than -d 'Stored before this: a duration ago, or a time' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand show" -l newer-than -d 'Stored after this: a duration ago, or a time' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand show" -l unused-for -d 'Not used for so long' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand show" -l larger-than -d 'Bodies larger than this' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand show" -l smaller-than -d 'Bodies smaller than this' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand show" -l where -d 'An expression, such as "host ~ \'*.example.com\' and status in 5xx and age > 7d"' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand show" -l keys-from -d 'Keys or URLs, one a line; - is standard input' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand show" -s b -l backend -l store -d 'The store: a kind (file, sqlite, …), an address such as sqlite:cache.db, or a named store of the configuration [default: file]' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand show" -l format -d 'How results are written [default: table on a terminal, else plain]' -r -f -a "table\t'For people, cut to the terminal'
wide\t'For people, everything'
plain\t'One record a line, fields separated by TAB'
json\t'One JSON document'
ndjson\t'One JSON object a line'"
complete -c cachectl -n "__fish_cachectl_using_subcommand show" -l config -d 'Read this configuration file and no other' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand show" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand show" -l log-format -d 'How standard error is written; json is one object a line' -r -f -a "text\t''
json\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand show" -l json -d 'The same as --format json'
complete -c cachectl -n "__fish_cachectl_using_subcommand show" -l no-config -d 'Read no configuration file'
complete -c cachectl -n "__fish_cachectl_using_subcommand show" -s v -l verbose -d 'Say more; repeat for requests and store calls (-vv), and everything (-vvv)'
complete -c cachectl -n "__fish_cachectl_using_subcommand show" -s q -l quiet -d 'Say less; repeat to silence warnings too'
complete -c cachectl -n "__fish_cachectl_using_subcommand show" -l show-secrets -d 'Show credentials instead of [redacted]'
complete -c cachectl -n "__fish_cachectl_using_subcommand show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cachectl -n "__fish_cachectl_using_subcommand body" -s o -l output -d 'Write to FILE, in one piece or not at all; - is standard output, also a terminal' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand body" -s b -l backend -l store -d 'The store: a kind (file, sqlite, …), an address such as sqlite:cache.db, or a named store of the configuration [default: file]' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand body" -l config -d 'Read this configuration file and no other' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand body" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand body" -l log-format -d 'How standard error is written; json is one object a line' -r -f -a "text\t''
json\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand body" -l decode -d 'Undo Content-Encoding'
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
complete -c cachectl -n "__fish_cachectl_using_subcommand cat" -l no-config -d 'Read no configuration file'
complete -c cachectl -n "__fish_cachectl_using_subcommand cat" -s v -l verbose -d 'Say more; repeat for requests and store calls (-vv), and everything (-vvv)'
complete -c cachectl -n "__fish_cachectl_using_subcommand cat" -s q -l quiet -d 'Say less; repeat to silence warnings too'
complete -c cachectl -n "__fish_cachectl_using_subcommand cat" -l show-secrets -d 'Show credentials instead of [redacted]'
complete -c cachectl -n "__fish_cachectl_using_subcommand cat" -s h -l help -d 'Print help'
complete -c cachectl -n "__fish_cachectl_using_subcommand explain" -s X -l request -d 'As if the request had this method' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand explain" -s H -l header -d 'As if the request had this header field' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand explain" -s b -l backend -l store -d 'The store: a kind (file, sqlite, …), an address such as sqlite:cache.db, or a named store of the configuration [default: file]' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand explain" -l format -d 'How results are written [default: table on a terminal, else plain]' -r -f -a "table\t'For people, cut to the terminal'
wide\t'For people, everything'
plain\t'One record a line, fields separated by TAB'
json\t'One JSON document'
ndjson\t'One JSON object a line'"
complete -c cachectl -n "__fish_cachectl_using_subcommand explain" -l config -d 'Read this configuration file and no other' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand explain" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand explain" -l log-format -d 'How standard error is written; json is one object a line' -r -f -a "text\t''
json\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand explain" -l json -d 'The same as --format json'
complete -c cachectl -n "__fish_cachectl_using_subcommand explain" -l no-config -d 'Read no configuration file'
complete -c cachectl -n "__fish_cachectl_using_subcommand explain" -s v -l verbose -d 'Say more; repeat for requests and store calls (-vv), and everything (-vvv)'
complete -c cachectl -n "__fish_cachectl_using_subcommand explain" -s q -l quiet -d 'Say less; repeat to silence warnings too'
complete -c cachectl -n "__fish_cachectl_using_subcommand explain" -l show-secrets -d 'Show credentials instead of [redacted]'
complete -c cachectl -n "__fish_cachectl_using_subcommand explain" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cachectl -n "__fish_cachectl_using_subcommand why" -s X -l request -d 'As if the request had this method' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand why" -s H -l header -d 'As if the request had this header field' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand why" -s b -l backend -l store -d 'The store: a kind (file, sqlite, …), an address such as sqlite:cache.db, or a named store of the configuration [default: file]' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand why" -l format -d 'How results are written [default: table on a terminal, else plain]' -r -f -a "table\t'For people, cut to the terminal'
wide\t'For people, everything'
plain\t'One record a line, fields separated by TAB'
json\t'One JSON document'
ndjson\t'One JSON object a line'"
complete -c cachectl -n "__fish_cachectl_using_subcommand why" -l config -d 'Read this configuration file and no other' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand why" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand why" -l log-format -d 'How standard error is written; json is one object a line' -r -f -a "text\t''
json\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand why" -l json -d 'The same as --format json'
complete -c cachectl -n "__fish_cachectl_using_subcommand why" -l no-config -d 'Read no configuration file'
complete -c cachectl -n "__fish_cachectl_using_subcommand why" -s v -l verbose -d 'Say more; repeat for requests and store calls (-vv), and everything (-vvv)'
complete -c cachectl -n "__fish_cachectl_using_subcommand why" -s q -l quiet -d 'Say less; repeat to silence warnings too'
complete -c cachectl -n "__fish_cachectl_using_subcommand why" -l show-secrets -d 'Show credentials instead of [redacted]'
complete -c cachectl -n "__fish_cachectl_using_subcommand why" -s h -l help -d 'Print help (see more with \'--help\')'
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
complete -c cachectl -n "__fish_cachectl_using_subcommand config; and not __fish_seen_subcommand_from show path check" -f -a "check" -d 'Parse everything and resolve every store'
complete -c cachectl -n "__fish_cachectl_using_subcommand config; and __fish_seen_subcommand_from show" -s b -l backend -l store -d 'The store: a kind (file, sqlite, …), an address such as sqlite:cache.db, or a named store of the configuration [default: file]' -r
complete -c cachectl -n "__fish_cachectl_using_subcommand config; and __fish_seen_subcommand_from show" -l config -d 'Read this configuration file and no other' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand config; and __fish_seen_subcommand_from show" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand config; and __fish_seen_subcommand_from show" -l log-format -d 'How standard error is written; json is one object a line' -r -f -a "text\t''
json\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand config; and __fish_seen_subcommand_from show" -l origin -d 'Say which layer each one comes from'
complete -c cachectl -n "__fish_cachectl_using_subcommand config; and __fish_seen_subcommand_from show" -l json -d 'Print a JSON object'
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
complete -c cachectl -n "__fish_cachectl_using_subcommand config; and __fish_seen_subcommand_from check" -l format -d 'How results are written [default: table on a terminal, else plain]' -r -f -a "table\t'For people, cut to the terminal'
wide\t'For people, everything'
plain\t'One record a line, fields separated by TAB'
json\t'One JSON document'
ndjson\t'One JSON object a line'"
complete -c cachectl -n "__fish_cachectl_using_subcommand config; and __fish_seen_subcommand_from check" -l config -d 'Read this configuration file and no other' -r -F
complete -c cachectl -n "__fish_cachectl_using_subcommand config; and __fish_seen_subcommand_from check" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand config; and __fish_seen_subcommand_from check" -l log-format -d 'How standard error is written; json is one object a line' -r -f -a "text\t''
json\t''"
complete -c cachectl -n "__fish_cachectl_using_subcommand config; and __fish_seen_subcommand_from check" -l connect -d 'Open each store too'
complete -c cachectl -n "__fish_cachectl_using_subcommand config; and __fish_seen_subcommand_from check" -l json -d 'The same as --format json'
complete -c cachectl -n "__fish_cachectl_using_subcommand config; and __fish_seen_subcommand_from check" -l no-config -d 'Read no configuration file'
complete -c cachectl -n "__fish_cachectl_using_subcommand config; and __fish_seen_subcommand_from check" -s v -l verbose -d 'Say more; repeat for requests and store calls (-vv), and everything (-vvv)'
complete -c cachectl -n "__fish_cachectl_using_subcommand config; and __fish_seen_subcommand_from check" -s q -l quiet -d 'Say less; repeat to silence warnings too'
complete -c cachectl -n "__fish_cachectl_using_subcommand config; and __fish_seen_subcommand_from check" -l show-secrets -d 'Show credentials instead of [redacted]'
complete -c cachectl -n "__fish_cachectl_using_subcommand config; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help (see more with \'--help\')'
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
