"""Runs scim2-tester (through its command line, scim2-cli) and scim-sanity against a server, and adds up their verdicts.

    python judges.py BASE_URL TOKEN [scim2-tester] [scim-sanity]

Started by `cargo xtask test` with the packages of requirements.txt. The judges create, change and delete resources. One line
for each failed check; the last line is `N passed, N failed`; exit status 1 where some failed, 2 where they could not run.
"""
import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request

# scim-sanity wants 200 with a body after PATCH and counts 204 as a failure; RFC 7644 3.5.2 allows both.
# Our server answers 200 with the body, so the judge is taken as it is.
PASS = {"SUCCESS", "COMPLIANT", "ACCEPTABLE"}
FAIL = {"ERROR", "CRITICAL"}
WARN = {"DEVIATION"}
BIN = os.path.dirname(sys.executable)


def run(cmd, env=None):
    try:
        p = subprocess.run(cmd, capture_output=True, text=True, timeout=600, env=dict(os.environ, **(env or {})))
        return p.stdout, p.stderr, p.returncode
    except subprocess.TimeoutExpired:
        return "", "no answer within 600 s", 124


def scim2_tester(base, token):
    out, err, rc = run([BIN + "/scim2", "--url", base, "test", "--verbose"],
                       {"SCIM_CLI_HEADERS": "Authorization: Bearer " + token, "NO_COLOR": "1"})
    out = re.sub(r"\x1b\[[0-9;]*m", "", out)
    rows, cur = [], None
    for line in out.splitlines():
        m = re.match(r"^([A-Z]+) (\w+)\s*$", line)
        if m and m.group(1) in PASS | FAIL | WARN | {"SKIPPED"}:
            cur = [m.group(1), m.group(2), ""]
            rows.append(cur)
        elif cur is not None and line.strip() and len(cur[2]) < 300:
            cur[2] = (cur[2] + " " + line.strip()).strip()
    if not rows:
        tail = (err or out).strip().splitlines()[-1:] or ["no output"]
        rows = [["ERROR", "scim2-tester could not run", tail[0]]]
    elif rc not in (0, 1):
        rows.append(["ERROR", "scim2-tester ended with status %d" % rc, (err.strip().splitlines() or [""])[-1]])
    return [("scim2-tester " + n, "fail" if s in FAIL else "warn" if s in WARN else "skip" if s == "SKIPPED" else "pass", w)
            for s, n, w in rows]


def scim_sanity(base, token):
    out, err, rc = run([BIN + "/scim-sanity", "probe", base, "--token", token, "--i-accept-side-effects", "--json-output"])
    try:
        d = json.loads(out[out.index("{"):])
        return [("scim-sanity " + r["name"], {"pass": "pass", "skip": "skip", "warn": "warn", "warning": "warn"}.get(r["status"], "fail"),
                 " ".join(str(r.get("message", "")).split())) for r in d["results"]]
    except (ValueError, KeyError) as e:
        tail = (err or out).strip().splitlines()[-1:] or [str(e)]
        return [("scim-sanity could not run", "fail", tail[0])]


JUDGES = {"scim2-tester": scim2_tester, "scim-sanity": scim_sanity}


def main():
    base, token, names = sys.argv[1], sys.argv[2], sys.argv[3:] or list(JUDGES)
    bad = [n for n in names if n not in JUDGES]
    if bad:
        print("unknown judge %s; there are: %s" % (", ".join(bad), ", ".join(JUDGES)), file=sys.stderr)
        return 2
    try:
        req = urllib.request.Request(base + "/ServiceProviderConfig", headers={"Authorization": "Bearer " + token})
        urllib.request.urlopen(req, timeout=20).read()
    except urllib.error.HTTPError:
        pass  # it answers; the judges will say what is wrong
    except OSError as e:
        print("no server at %s: %s" % (base, e), file=sys.stderr)
        return 2
    rows = []
    for n in names:
        t0 = time.time()
        got = JUDGES[n](base, token)
        rows += got
        count = {k: sum(s == k for _n, s, _w in got) for k in ("pass", "fail", "warn", "skip")}
        for name, s, why in got:
            if s in ("fail", "warn"):
                print("%s %s -- %s" % (s.upper(), name, why[:300]))
        print("%s: %d passed, %d failed, %d warnings, %d skipped in %.0f s" % (
            n, count["pass"], count["fail"], count["warn"], count["skip"], time.time() - t0))
    f = sum(s == "fail" for _n, s, _w in rows)
    print("%d passed, %d failed" % (sum(s == "pass" for _n, s, _w in rows), f))
    return 1 if f else 0


if __name__ == "__main__":
    sys.exit(main())
