/* Which options a mode takes, by what differs from the defaults. */
#include "cli_modes.h"

#include <string.h>

/* Is " name " in the list? */
static bool lists(const char *list, const char *name)
{
    size_t n = strlen(name);

    for (const char *p = list ? strstr(list, name) : NULL; p; p = strstr(p + 1, name)) {
        if (p > list && p[-1] == ' ' && p[n] == ' ')
            return true;
    }
    return false;
}

/* Was "--name", "--name=..." or "--no-name" given with another value than its own? */
static bool differs(const struct xr_cli *cli, const char *name)
{
    size_t n = strlen(name);
    const cJSON *word;

    cJSON_ArrayForEach(word, cli->arguments)
    {
        const char *text = cJSON_IsString(word) ? word->valuestring : "";

        if (strncmp(text, "--", 2))
            continue;
        text += 2;
        if (!strncmp(text, name, n) && (!text[n] || text[n] == '='))
            return true;
        if (!strncmp(text, "no-", 3) && !strcmp(text + 3, name))
            return true;
    }
    return false;
}

void xr_cli_modes(const struct xr_cli *cli, const struct xr_cli_mode *modes)
{
    while (modes->name && !differs(cli, modes->name))
        modes++;
    for (const struct xr_opt *o = cli->tool->options; o->name; o++) {
        if (!differs(cli, o->name) || (modes->name && !strcmp(o->name, modes->name)))
            continue;
        if (modes->takes && !lists(modes->takes, o->name))
            xr_cli_usage(cli, "--%s does not take --%s", modes->name, o->name);
        if (lists(modes->not, o->name))
            xr_cli_usage(cli, "--%s: not without the option it belongs to", o->name);
    }
}
