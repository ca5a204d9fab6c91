"""Which broken files are there, and what does each say to its author? Read each message as a new user would."""

# ruff: noqa: E501 - messages stand as they are said

from __future__ import annotations

FINE = """\
syncs:
  - name: fine
    source: file:///data/in/
    destination: file:///data/out/
"""
"""What stands before each broken entry."""

FILES: dict[str, tuple[str, str]] = {
    "empty": (
        "",
        """pairs.yaml, line 1, column 1: the file is empty: begin with `syncs:`""",
    ),
    "only_comments": (
        """\
# nothing yet
""",
        """pairs.yaml, line 1, column 1: the file is empty: begin with `syncs:`""",
    ),
    "tab": (
        "syncs:\n\t- name: exports\n",
        """pairs.yaml, line 2, column 1: a tab: indent with spaces""",
    ),
    "cron_without_quotes": (
        """\
syncs:
  - name: exports
    schedule: */5 * * * *
""",
        """pairs.yaml, line 3, column 16: a text that begins with `*` is taken for an alias: put it in quotes""",
    ),
    "preset_without_quotes": (
        """\
syncs:
  - name: exports
    schedule: @daily
""",
        """pairs.yaml, line 3, column 15: a text can't begin with `@`: put it in quotes""",
    ),
    "pattern_without_quotes": (
        """\
syncs:
  - name: exports
    options:
      exclude: [*.tmp]
""",
        """pairs.yaml, line 4, column 18: a text that begins with `*` is taken for an alias: put it in quotes""",
    ),
    "alias_of_nothing": (
        """\
syncs:
  - name: exports
    pool: *shared
""",
        """pairs.yaml, line 3, column 11: there is no anchor &shared above: put a text that begins with `*` in quotes""",
    ),
    "template_without_quotes": (
        """\
syncs:
  - name: exports
    source: {{ var.value.source }}
""",
        """pairs.yaml, line 3, column 14: a name before `:` must be a word, not a list or a block; put a value that begins with `{` or `[`, such as a template, in quotes""",
    ),
    "colon_in_text": (
        """\
syncs:
  - name: exports
    description: note: hourly
""",
        """pairs.yaml, line 3, column 22: a `:` can't stand here: put the text in quotes, or mend the indentation""",
    ),
    "name_without_colon": (
        """\
syncs:
  - name: exports
    source
    destination: file:///data/
""",
        """pairs.yaml, line 3, column 5: a line without `name:`: add the `:` and a space, or mend the indentation""",
    ),
    "quote_not_closed": (
        """\
syncs:
  - name: 'exports
    source: file:///data/
""",
        """pairs.yaml, line 2, column 11: the quote that opens in line 2 is never closed""",
    ),
    "list_not_closed": (
        """\
syncs:
  - name: exports
    options:
      exclude: ['a', 'b'
    pool: x
""",
        """pairs.yaml, line 5, column 5: the list that opens with `[` in line 4 lacks a comma or its `]`""",
    ),
    "block_not_closed": (
        """\
syncs:
  - name: exports
    options: {mode: auto
    pool: x
""",
        """pairs.yaml, line 4, column 9: the block that opens with `{` in line 3 lacks a comma or its `}`""",
    ),
    "escape_in_double_quotes": (
        'syncs:\n  - name: exports\n    options:\n      exclude: ["regex:\\d+"]\n',
        """pairs.yaml, line 4, column 25: `\\` in double quotes begins an escape: use single quotes""",
    ),
    "indentation": (
        """\
syncs:
  - name: exports
   source: file:///data/
""",
        """pairs.yaml, line 3, column 4: does not line up with the list of line 2: mend the indentation""",
    ),
    "indentation_of_names": (
        """\
syncs:
  - name: exports
    options:
      mode: auto
     verify: none
""",
        """pairs.yaml, line 5, column 6: does not line up with the block of line 2: mend the indentation""",
    ),
    "tag_of_python": (
        """\
syncs:
  - name: !!python/object/apply:os.system [ls]
""",
        """pairs.yaml, line 2, column 11: 'tag:yaml.org,2002:python/object/apply:os.system': tags are not read; write the plain value""",
    ),
    "tag_for_environment": (
        """\
syncs:
  - name: exports
    source: !ENV SOURCE
""",
        """pairs.yaml, line 3, column 13: '!ENV': tags are not read; write the plain value""",
    ),
    "second_document": (
        """\
syncs: []
---
syncs: []
""",
        """pairs.yaml, line 2, column 1: a second document begins here: one file holds one, remove the `---`""",
    ),
    "name_twice_in_block": (
        """\
syncs:
  - name: exports
    pool: a
    retries: 2
    pool: b
""",
        """pairs.yaml, line 5, column 5: 'pool' stands here a second time, first in line 3: keep one""",
    ),
    "control_character": (
        "syncs:\n  - name: exp\x07orts\n",
        """pairs.yaml, line 2, column 14: the character U+0007 can't stand in a YAML file: remove it""",
    ),
    "nested_too_deep": (
        "syncs: [[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]\n",
        """pairs.yaml, line 1, column 27: this is nested deeper than 20 levels""",
    ),
    "number_with_zero": (
        """\
syncs:
  - name: exports
    retries: 010
""",
        """pairs.yaml, line 3, column 14: '010' begins with 0, which YAML readers understand differently: put it in quotes""",
    ),
    "list_at_the_top": (
        """\
- name: exports
  source: file:///data/
""",
        """pairs.yaml, line 1, column 1: the file has to begin with `syncs:`: write a list, each entry beginning with `- name: …`""",
    ),
    "text_at_the_top": (
        """\
exports
""",
        """pairs.yaml, line 1, column 1: the file has to begin with `syncs:`: write a list, each entry beginning with `- name: …`""",
    ),
    "no_syncs": (
        """\
defaults:
  pool: transfers
""",
        """pairs.yaml, line 1, column 1: `syncs:` is missing: write a list, each entry beginning with `- name: …`""",
    ),
    "syncs_misspelled": (
        """\
sync:
  - name: exports
""",
        """pairs.yaml, line 1, column 1: 'sync' is not known here: did you mean `syncs`?""",
    ),
    "syncs_as_block": (
        """\
syncs:
  exports:
    source: file:///data/
""",
        """pairs.yaml, line 2, column 3: syncs: write a list, each entry beginning with `- name: …`""",
    ),
    "syncs_empty": (
        """\
syncs:
""",
        """pairs.yaml, line 1, column 7: syncs: write a list, each entry beginning with `- name: …`""",
    ),
    "defaults_unknown": (
        """\
defaults:
  pol: transfers
syncs: []
""",
        """pairs.yaml, line 2, column 3: defaults: 'pol' is not known here: did you mean `pool`?""",
    ),
    "defaults_with_source": (
        """\
defaults:
  source: file:///data/
syncs: []
""",
        """pairs.yaml, line 2, column 3: defaults: 'source' is not known here: it belongs to each sync, not into the defaults""",
    ),
    "defaults_wrong_option": (
        """\
defaults:
  options:
    verify: everything
syncs: []
""",
        """pairs.yaml, line 3, column 13: defaults: options.verify: write one of none, listing, metadata, content, got 'everything'""",
    ),
    "merge_of_no_block": (
        """\
syncs:
  - &one exports
  - <<: *one
""",
        """pairs.yaml, line 2, column 5: `<<` takes the alias of a block, such as `<<: *night`""",
    ),
    "defaults_with_routed": (
        """\
defaults:
  options: {routed: {to: rest}}
syncs: []
""",
        """pairs.yaml, line 2, column 21: defaults: options.routed: a table makes it: write `routes:` beside `destinations:`, and remove this line""",
    ),
}
"""By name: a file that is an import error, and its message."""

ENTRIES: dict[str, tuple[str, str]] = {
    "no_block": (
        """\
exports""",
        """pairs.yaml, line 5, column 5: an entry of `syncs` is a block: write a list, each entry beginning with `- name: …`""",
    ),
    "name_missing": (
        """\
source: s3://store@incoming/
destination: s3://archive@backup/
""",
        """pairs.yaml, line 5, column 5: name is missing: add `name: …`""",
    ),
    "name_with_space": (
        """\
name: my exports
source: s3://store@incoming/
destination: s3://archive@backup/
""",
        """pairs.yaml, line 5, column 11: name: write letters, digits, `_` and `-`, not beginning with `-`, 120 at most, got 'my exports'""",
    ),
    "name_as_number": (
        """\
name: 2026
source: s3://store@incoming/
destination: s3://archive@backup/
""",
        """pairs.yaml, line 5, column 11: name: write a text; put it in quotes if it looks like a number, got 2026""",
    ),
    "name_twice": (
        """\
name: fine
source: s3://store@incoming/
destination: s3://archive@backup/
""",
        """pairs.yaml, line 5, column 5: name: 'fine' stands in line 2 too: rename one of them""",
    ),
    "source_missing": (
        """\
name: exports
destination: s3://archive@backup/
""",
        """pairs.yaml, line 5, column 5: source is missing: add `source: s3://conn_id@bucket/prefix/`""",
    ),
    "destination_missing": (
        """\
name: exports
source: s3://store@incoming/
""",
        """pairs.yaml, line 5, column 5: destination is missing: add `destination: s3://conn_id@bucket/prefix/`""",
    ),
    "both_destinations": (
        """\
name: exports
source: s3://store@incoming/
destination: s3://archive@backup/
destinations:
  - {name: one, location: file:///data/one/}
""",
        """pairs.yaml, line 8, column 5: destinations: stands beside `destination`: write one of the two""",
    ),
    "several_sources": (
        """\
name: exports
sources:
  - s3://store@incoming/
  - s3://store@outgoing/
destination: file:///data/all/
""",
        """pairs.yaml, line 6, column 5: 'sources' is not known here: a sync has one source, `source:`; several folders of it are `options: prefixes`, and several buckets are several syncs, each with a place of its own at the destination""",
    ),
    "no_destinations": (
        """\
name: exports
source: s3://store@incoming/
destinations: []
""",
        """pairs.yaml, line 7, column 19: destinations: the list is empty: write at least one""",
    ),
    "destination_as_text": (
        """\
name: exports
source: s3://store@incoming/
destinations:
  - file:///data/one/
""",
        """pairs.yaml, line 8, column 9: destinations: write a block: `name: value`, one per line, got 'file:///data/one/'""",
    ),
    "destinations_of_one_name": (
        """\
name: exports
source: s3://store@incoming/
destinations:
  - {name: one, location: file:///data/one/}
  - {name: one, location: file:///data/two/}
""",
        """pairs.yaml, line 9, column 16: destinations.name: 'one' stands in line 8 too: rename one""",
    ),
    "destinations_overlap": (
        """\
name: exports
source: s3://store@incoming/
destinations:
  - {name: one, location: file:///data/all/}
  - {name: two, location: file:///data/all/two/}
""",
        """pairs.yaml, line 9, column 31: destinations.location: file:///data/all/two/ and file:///data/all/ overlap: give each a prefix of its own""",
    ),
    "location_without_scheme": (
        """\
name: exports
source: /data/exports
destination: s3://archive@backup/
""",
        """pairs.yaml, line 6, column 13: source: '/data/exports' names no scheme of s3, oss, file: write scheme://conn_id@bucket/prefix/ (or file:///absolute/folder/)""",
    ),
    "location_of_other_scheme": (
        """\
name: exports
source: s3a://store@incoming/
destination: s3://archive@backup/
""",
        """pairs.yaml, line 6, column 13: source: 's3a://…@incoming/' names no scheme of s3, oss, file: did you mean s3://? write scheme://conn_id@bucket/prefix/ (or file:///absolute/folder/)""",
    ),
    "location_with_secret": (
        """\
name: exports
source: s3://AKIAEXAMPLE:verysecret@incoming/
destination: s3://archive@backup/
""",
        """pairs.yaml, line 6, column 13: source: the part of s3://… before '@' must be a connection id: credentials belong into an Airflow connection; write scheme://conn_id@bucket/prefix/ (or file:///absolute/folder/)""",
    ),
    "location_of_environment": (
        """\
name: exports
source: s3://store@${BUCKET}/
destination: s3://archive@backup/
""",
        """pairs.yaml, line 6, column 13: source: 's3://store@${BUCKET}/' names a variable of the environment, which is not read here: what differs between environments belongs into the connection, or into a template such as {{ var.value.bucket }}""",
    ),
    "location_inside_other": (
        """\
name: exports
source: s3://store@incoming/
destination: s3://store@incoming/copy/
""",
        """pairs.yaml, line 7, column 18: destination: source s3://store@incoming/ and destination s3://store@incoming/copy/ overlap: one lies inside the other; choose prefixes of which neither begins with the other""",
    ),
    "workspace_inside_source": (
        """\
name: exports
source: s3://store@incoming/
destination: s3://archive@backup/
workspace: s3://store@incoming/pages/
""",
        """pairs.yaml, line 8, column 16: workspace: the workspace s3://store@incoming/pages/ and the source s3://store@incoming/ overlap: the pages of a run would be its data; move the workspace ([bucketsync] workspace)""",
    ),
    "option_beside_name": (
        """\
name: exports
source: s3://store@incoming/
destination: s3://archive@backup/
exclude: ['*.tmp']
""",
        """pairs.yaml, line 8, column 5: 'exclude' is not known here: write it below `options:`""",
    ),
    "field_among_options": (
        """\
name: exports
source: s3://store@incoming/
destination: s3://archive@backup/
options:
  pool: transfers
""",
        """pairs.yaml, line 9, column 7: options: 'pool' is not known here: write it beside `name:` of the sync""",
    ),
    "option_misspelled": (
        """\
name: exports
source: s3://store@incoming/
destination: s3://archive@backup/
options:
  exlude: ['*.tmp']
""",
        """pairs.yaml, line 9, column 7: options: 'exlude' is not known here: did you mean `exclude`?""",
    ),
    "option_of_another_tool": (
        """\
name: exports
source: s3://store@incoming/
destination: s3://archive@backup/
options:
  checksum_algorithm: md5
""",
        """pairs.yaml, line 9, column 7: options: 'checksum_algorithm' is not known here: no option of a sync is called so, nor nearly; docs/options.md has them all""",
    ),
    "field_misspelled": (
        """\
name: exports
source: s3://store@incoming/
destination: s3://archive@backup/
shedule: '@daily'
""",
        """pairs.yaml, line 8, column 5: 'shedule' is not known here: did you mean `schedule`?""",
    ),
    "field_of_airflow": (
        """\
name: exports
source: s3://store@incoming/
destination: s3://archive@backup/
cron: '@daily'
""",
        """pairs.yaml, line 8, column 5: 'cron' is not known here: write `schedule`""",
    ),
    "dag_setting_beside_name": (
        """\
name: exports
source: s3://store@incoming/
destination: s3://archive@backup/
owner: mine
""",
        """pairs.yaml, line 8, column 5: 'owner' is not known here: write it below `dag:`""",
    ),
    "field_in_english": (
        """\
name: exports
from: s3://store@incoming/
to: s3://archive@backup/
""",
        """pairs.yaml, line 6, column 5: 'from' is not known here: write `source`
pairs.yaml, line 7, column 5: 'to' is not known here: write `destination`""",
    ),
    "size_without_unit_word": (
        """\
name: exports
source: s3://store@incoming/
destination: s3://archive@backup/
options:
  part_size: 64 megs
""",
        """pairs.yaml, line 9, column 18: options.part_size: '64 megs' is no size; write bytes, or a number with KiB, MiB, GiB, TiB""",
    ),
    "size_as_decimal": (
        """\
name: exports
source: s3://store@incoming/
destination: s3://archive@backup/
options:
  part_size: 1.5
""",
        """pairs.yaml, line 9, column 18: options.part_size: write bytes, or a number with KiB, MiB, GiB, TiB""",
    ),
    "yes_for_true": (
        """\
name: exports
source: s3://store@incoming/
destination: s3://archive@backup/
options:
  delete: yes
""",
        """pairs.yaml, line 9, column 15: options.delete: write true or false, without quotes, got 'yes'""",
    ),
    "number_in_quotes": (
        """\
name: exports
source: s3://store@incoming/
destination: s3://archive@backup/
options:
  concurrency: '16'
""",
        """pairs.yaml, line 9, column 20: options.concurrency: write a whole number, without quotes, got '16'""",
    ),
    "number_out_of_range": (
        """\
name: exports
source: s3://store@incoming/
destination: s3://archive@backup/
options:
  concurrency: 1000
""",
        """pairs.yaml, line 9, column 20: options: concurrency must be 1 to 256, got 1000""",
    ),
    "word_unknown": (
        """\
name: exports
source: s3://store@incoming/
destination: s3://archive@backup/
options:
  mode: incremetal
""",
        """pairs.yaml, line 9, column 13: options.mode: write one of full, incremental, auto, until_quiet, got 'incremetal'; did you mean incremental?""",
    ),
    "text_for_list": (
        """\
name: exports
source: s3://store@incoming/
destination: s3://archive@backup/
options:
  exclude: '*.tmp'
""",
        """pairs.yaml, line 9, column 16: options.exclude: write a list of texts, not the text '*.tmp'""",
    ),
    "list_for_text": (
        """\
name: exports
source: s3://store@incoming/
destination: s3://archive@backup/
pool: [one, two]
""",
        """pairs.yaml, line 8, column 11: pool: write a text; put it in quotes if it looks like a number, got a list""",
    ),
    "options_as_list": (
        """\
name: exports
source: s3://store@incoming/
destination: s3://archive@backup/
options:
  - mode: auto
""",
        """pairs.yaml, line 9, column 7: options: write a block: `name: value`, one per line, got a list""",
    ),
    "options_do_not_fit": (
        """\
name: exports
source: s3://store@incoming/
destination: s3://archive@backup/
options:
  min_size: 2 GiB
  max_size: 1 MiB
""",
        """pairs.yaml, line 9, column 17: options: min_size (2147483648) is above max_size (1048576)""",
    ),
    "time_without_zone": (
        """\
name: exports
source: s3://store@incoming/
destination: s3://archive@backup/
options:
  modified_after: 2026-01-31
""",
        """pairs.yaml, line 9, column 23: options.modified_after: the time has no zone: write 2026-01-31T12:00:00Z, or +02:00 instead of Z""",
    ),
    "until_quiet": (
        """\
name: exports
source: s3://store@incoming/
destination: s3://archive@backup/
options:
  mode: until_quiet
""",
        """pairs.yaml, line 9, column 13: options.mode: until_quiet starts its DAG again and again, which is for a cut-over by hand: run the DAG `bucket_sync`, and write `auto` here""",
    ),
    "plan_to_apply": (
        """\
name: exports
source: s3://store@incoming/
destination: s3://archive@backup/
options:
  apply_plan: '"""
        + 64 * "0"
        + """'
""",
        """pairs.yaml, line 9, column 19: options.apply_plan: names one plan, and this sync makes a new one each time: give it to a run by hand, and write `approve_plan: true` here to be asked each time""",
    ),
    "move_to_several": (
        """\
name: exports
source: s3://store@incoming/
options:
  move: true
destinations:
  - {name: one, location: file:///data/one/}
  - {name: two, location: file:///data/two/}
""",
        """pairs.yaml, line 8, column 13: options.move: an object would be gone from the source before the other destinations have it: move from one destination of a sync of its own, give each object one destination by `routes:`, or write false""",
    ),
    "schedule_in_english": (
        """\
name: exports
source: s3://store@incoming/
destination: s3://archive@backup/
schedule: every hour
""",
        """pairs.yaml, line 8, column 15: schedule: 'every hour' is no cron text: write five fields ("7 * * * *"), one of @hourly, @daily, @weekly, @monthly, @quarterly, @yearly, @continuous, @once, a list of assets [exports_backed_up], or null = by hand""",
    ),
    "schedule_out_of_range": (
        """\
name: exports
source: s3://store@incoming/
destination: s3://archive@backup/
schedule: '61 * * * *'
""",
        """pairs.yaml, line 8, column 15: schedule: '61 * * * *' is no cron text: write five fields ("7 * * * *"), one of @hourly, @daily, @weekly, @monthly, @quarterly, @yearly, @continuous, @once, a list of assets [exports_backed_up], or null = by hand""",
    ),
    "schedule_as_number": (
        """\
name: exports
source: s3://store@incoming/
destination: s3://archive@backup/
schedule: 15
""",
        """pairs.yaml, line 8, column 15: schedule: write a cron text in quotes ("7 * * * *"), a preset, a list of assets, or null = by hand""",
    ),
    "duration_without_unit": (
        """\
name: exports
source: s3://store@incoming/
destination: s3://archive@backup/
timeouts:
  copy: 3600
""",
        """pairs.yaml, line 9, column 13: timeouts.copy: 3600 is no duration: write a number with its unit: 90 seconds, 15 minutes, 2 hours, 1 day 12 hours""",
    ),
    "duration_of_nothing": (
        """\
name: exports
source: s3://store@incoming/
destination: s3://archive@backup/
dag:
  dagrun_timeout: 0 minutes
""",
        """pairs.yaml, line 9, column 23: dag.dagrun_timeout: 0:00:00 is nothing: write a number with its unit: 90 seconds, 15 minutes, 2 hours, 1 day 12 hours""",
    ),
    "time_out_of_no_task": (
        """\
name: exports
source: s3://store@incoming/
destination: s3://archive@backup/
timeouts:
  copies: 2 hours
""",
        """pairs.yaml, line 9, column 7: timeouts: 'copies' is no task of a sync: did you mean `copy`?""",
    ),
    "resource_unknown": (
        """\
name: exports
source: s3://store@incoming/
destination: s3://archive@backup/
resources:
  copy: {pol: wide}
""",
        """pairs.yaml, line 9, column 14: resources.copy: 'pol' is not known here: did you mean `pool`?""",
    ),
    "executor_unknown": (
        """\
name: exports
source: s3://store@incoming/
destination: s3://archive@backup/
resources:
  copy: {executor: Kubernetes}
""",
        """pairs.yaml, line 9, column 24: resources.copy.executor: 'Kubernetes' is not configured: write one of [core] executor, LocalExecutor""",
    ),
    "weight_rule_unknown": (
        """\
name: exports
source: s3://store@incoming/
destination: s3://archive@backup/
resources:
  copy: {weight_rule: heavy}
""",
        """pairs.yaml, line 9, column 27: resources.copy.weight_rule: write one of downstream, upstream, absolute, got 'heavy'""",
    ),
    "retries_negative": (
        """\
name: exports
source: s3://store@incoming/
destination: s3://archive@backup/
retries: -1
""",
        """pairs.yaml, line 8, column 14: retries: write 0 or more, got -1""",
    ),
    "time_zone_unknown": (
        """\
name: exports
source: s3://store@incoming/
destination: s3://archive@backup/
dag:
  timezone: Europe/Zuerich
""",
        """pairs.yaml, line 9, column 17: dag.timezone: 'Europe/Zuerich' is no time zone: write its name, such as Europe/Zurich""",
    ),
    "start_date_in_words": (
        """\
name: exports
source: s3://store@incoming/
destination: s3://archive@backup/
dag:
  start_date: yesterday
""",
        """pairs.yaml, line 9, column 19: dag.start_date: 'yesterday' is no time: write 2026-01-31 or 2026-01-31T12:00:00""",
    ),
    "paused_in_quotes": (
        """\
name: exports
source: s3://store@incoming/
destination: s3://archive@backup/
dag:
  paused: 'true'
""",
        """pairs.yaml, line 9, column 15: dag.paused: write true or false, without quotes, got 'true'""",
    ),
    "asset_beside_destinations": (
        """\
name: exports
source: s3://store@incoming/
asset: exported
destinations:
  - {name: one, location: file:///data/one/}
""",
        """pairs.yaml, line 7, column 5: asset: each destination has an event of its own: write `asset` below `destinations:`""",
    ),
    "three_at_once": (
        """\
name: exports
source: s3://store@incoming/
destination: s3://archive@backup/
pools: transfers
retries: many
options:
  verify: all
""",
        """pairs.yaml, line 8, column 5: 'pools' is not known here: did you mean `pool`?
pairs.yaml, line 9, column 14: retries: write a whole number, without quotes, got 'many'
pairs.yaml, line 11, column 15: options.verify: write one of none, listing, metadata, content, got 'all'""",
    ),
    "source_in_a_list": (
        """\
name: exports
source: [s3://store@incoming/]
destination: file:///data/all/
""",
        """pairs.yaml, line 6, column 13: source: a sync has one source, `source:`; several folders of it are `options: prefixes`, and several buckets are several syncs, each with a place of its own at the destination""",
    ),
    "routes_without_destinations": (
        """\
name: lake
source: s3://store@incoming/
destination: file:///data/all/
routes:
  rules:
    - {to: all, match: ['*.csv']}
""",
        """pairs.yaml, line 8, column 5: routes: divide a source among several destinations: write `destinations:` with a name for each, in place of `destination:`""",
    ),
    "routes_as_list": (
        """\
name: lake
source: s3://store@incoming/
destinations:
  - {name: tables, location: file:///data/tables/}
  - {name: rest, location: file:///data/rest/}
routes:
  - {to: tables, extensions: [csv]}
""",
        """pairs.yaml, line 11, column 7: routes: write a block: `name: value`, one per line, got a list""",
    ),
    "routes_without_lines": (
        """\
name: lake
source: s3://store@incoming/
destinations:
  - {name: tables, location: file:///data/tables/}
  - {name: rest, location: file:///data/rest/}
routes:
  unmatched: fail
""",
        """pairs.yaml, line 10, column 5: routes.rules is missing: add `rules: [{to: …, match: […]}]`""",
    ),
    "routes_of_no_line": (
        """\
name: lake
source: s3://store@incoming/
destinations:
  - {name: tables, location: file:///data/tables/}
  - {name: rest, location: file:///data/rest/}
routes:
  rules: []
""",
        """pairs.yaml, line 11, column 14: routes.rules: the list is empty: write at least one""",
    ),
    "route_to_nowhere": (
        """\
name: lake
source: s3://store@incoming/
destinations:
  - {name: tables, location: file:///data/tables/}
  - {name: rest, location: file:///data/rest/}
routes:
  rules:
    - {to: tabels, extensions: [csv]}
    - {to: rest, extensions: [png]}
""",
        """pairs.yaml, line 12, column 16: routes.rules.to: 'tabels' is the name of no entry of `destinations`: did you mean `tables`?""",
    ),
    "route_without_to": (
        """\
name: lake
source: s3://store@incoming/
destinations:
  - {name: tables, location: file:///data/tables/}
  - {name: rest, location: file:///data/rest/}
routes:
  rules:
    - {extensions: [csv]}
    - {to: rest, extensions: [png]}
""",
        """pairs.yaml, line 12, column 11: routes.rules.to is missing: add `to: name of a destination`""",
    ),
    "route_of_everything": (
        """\
name: lake
source: s3://store@incoming/
destinations:
  - {name: tables, location: file:///data/tables/}
  - {name: rest, location: file:///data/rest/}
routes:
  rules:
    - {to: tables}
    - {to: rest, extensions: [png]}
""",
        """pairs.yaml, line 12, column 11: routes.rules: route to 'tables' takes everything, so no line after it is ever asked: give it match, extensions, min_size or max_size, or make it the default of `unmatched: default`""",
    ),
    "route_with_another_word": (
        """\
name: lake
source: s3://store@incoming/
destinations:
  - {name: tables, location: file:///data/tables/}
  - {name: rest, location: file:///data/rest/}
routes:
  rules:
    - {to: tables, include: ['*.csv']}
    - {to: rest, extension: [png]}
""",
        """pairs.yaml, line 12, column 24: routes.rules: 'include' is not known here: write `match`
pairs.yaml, line 13, column 22: routes.rules: 'extension' is not known here: write `extensions`""",
    ),
    "route_with_option": (
        """\
name: lake
source: s3://store@incoming/
destinations:
  - {name: tables, location: file:///data/tables/}
  - {name: rest, location: file:///data/rest/}
routes:
  rules:
    - {to: tables, extensions: [csv], verify: none}
    - {to: rest, extensions: [png]}
""",
        """pairs.yaml, line 12, column 43: routes.rules: 'verify' is not known here: write it below `options:`""",
    ),
    "route_with_wrong_size": (
        """\
name: lake
source: s3://store@incoming/
destinations:
  - {name: tables, location: file:///data/tables/}
  - {name: rest, location: file:///data/rest/}
routes:
  rules:
    - {to: tables, min_size: large}
    - {to: rest, min_size: 2 MiB, max_size: 1 MiB}
""",
        """pairs.yaml, line 12, column 34: routes.rules.min_size: 'large' is no size; write bytes, or a number with KiB, MiB, GiB, TiB""",
    ),
    "route_with_wrong_extension": (
        """\
name: lake
source: s3://store@incoming/
destinations:
  - {name: tables, location: file:///data/tables/}
  - {name: rest, location: file:///data/rest/}
routes:
  rules:
    - {to: tables, extensions: ['*.csv']}
    - {to: rest, extensions: [png]}
""",
        """pairs.yaml, line 12, column 11: routes.rules: extensions: '*.csv' is no extension; write csv or .csv, globs in include""",
    ),
    "routes_leave_one_out": (
        """\
name: lake
source: s3://store@incoming/
destinations:
  - {name: tables, location: file:///data/tables/}
  - {name: rest, location: file:///data/rest/}
routes:
  rules:
    - {to: tables, extensions: [csv]}
""",
        """pairs.yaml, line 9, column 16: destinations.name: no line of `routes` leads to 'rest': add one, or remove the destination""",
    ),
    "routes_default_missing": (
        """\
name: lake
source: s3://store@incoming/
destinations:
  - {name: tables, location: file:///data/tables/}
  - {name: rest, location: file:///data/rest/}
routes:
  rules:
    - {to: tables, extensions: [csv]}
    - {to: rest, extensions: [png]}
  unmatched: default
""",
        """pairs.yaml, line 14, column 18: routes.unmatched: `default` needs the name of a destination: add `default: rest`""",
    ),
    "routes_default_unused": (
        """\
name: lake
source: s3://store@incoming/
destinations:
  - {name: tables, location: file:///data/tables/}
  - {name: rest, location: file:///data/rest/}
routes:
  rules:
    - {to: tables, extensions: [csv]}
  default: rest
""",
        """pairs.yaml, line 13, column 16: routes.default: says something beside `unmatched: default` only, not ignore: write that, or remove this line""",
    ),
    "routes_default_nowhere": (
        """\
name: lake
source: s3://store@incoming/
destinations:
  - {name: tables, location: file:///data/tables/}
  - {name: rest, location: file:///data/rest/}
routes:
  rules:
    - {to: tables, extensions: [csv]}
    - {to: rest, extensions: [png]}
  unmatched: default
  default: other
""",
        """pairs.yaml, line 15, column 16: routes.default: 'other' is the name of no entry of `destinations`: write one of tables, rest""",
    ),
    "routes_unmatched_unknown": (
        """\
name: lake
source: s3://store@incoming/
destinations:
  - {name: tables, location: file:///data/tables/}
  - {name: rest, location: file:///data/rest/}
routes:
  rules:
    - {to: tables, extensions: [csv]}
    - {to: rest, extensions: [png]}
  unmatched: error
""",
        """pairs.yaml, line 14, column 18: routes.unmatched: write one of ignore, fail, default, got 'error'""",
    ),
    "routed_by_hand": (
        """\
name: lake
source: s3://store@incoming/
destination: file:///data/all/
options:
  routed: {to: all, table: {rules: [{to: all, extensions: [csv]}]}}
""",
        """pairs.yaml, line 9, column 15: options.routed: a table makes it: write `routes:` beside `destinations:`, and remove this line""",
    ),
    "routed_of_a_destination": (
        """\
name: lake
source: s3://store@incoming/
destinations:
  - {name: tables, location: file:///data/tables/}
  - {name: rest, location: file:///data/rest/, options: {routed: {to: rest}}}
""",
        """pairs.yaml, line 9, column 70: destinations.options.routed: a table makes it: write `routes:` beside `destinations:`, and remove this line""",
    ),
    "routes_overlap": (
        """\
name: lake
source: s3://store@incoming/
destinations:
  - {name: tables, location: file:///data/tables/}
  - {name: rest, location: file:///data/tables/rest/}
routes:
  rules:
    - {to: tables, extensions: [csv]}
    - {to: rest, extensions: [png]}
""",
        """pairs.yaml, line 9, column 32: destinations.location: file:///data/tables/rest/ and file:///data/tables/ overlap: give each a prefix of its own""",
    ),
    "move_by_routes_of_one_name": (
        """\
name: lake
source: s3://store@incoming/
destinations:
  - {name: tables, location: file:///data/tables/}
  - {name: rest, location: file:///data/rest/}
options: {move: true, key_mapping: flatten}
routes:
  rules:
    - {to: tables, extensions: [csv]}
    - {to: rest, extensions: [png]}
""",
        """pairs.yaml, line 10, column 21: options: move with key_mapping flatten: two source keys can have one name, so what comes later would overwrite the only copy of what was moved; leave `move` out, or choose a mapping that gives each key its own name""",
    ),
}
"""By name: an entry that is broken while others are not, and its message."""
