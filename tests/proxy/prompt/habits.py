"""Chat templates with the habits of the families that people run: what each knows of tools, what it chokes on."""

from __future__ import annotations

# Lists tools, writes calls, takes results in a user's turn.
KNOWS_ALL = """
{%- if tools %}<|im_start|>system
{% if messages[0].role == 'system' %}{{ messages[0].content }} {% endif %}
{%- for tool in tools %}{{ tool | tojson }}
{% endfor %}<|im_end|>
{%- endif %}
{%- for m in messages %}
{%- if m.role == 'tool' %}<|im_start|>user
<r>{{ m.content }}</r><|im_end|>
{%- elif m.role != 'system' or not tools %}<|im_start|>{{ m.role }}
{{ m.content }}
{%- for call in m.tool_calls %}<c>{{ call.function.name }} {{ call.function.arguments | tojson }}</c>{% endfor %}
{%- if m.reasoning_content %}<h>{{ m.reasoning_content }}</h>{% endif %}<|im_end|>
{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}<|im_start|>assistant
{% if enable_thinking is defined and not enable_thinking %}<think>

</think>

{% endif %}{% endif %}"""

# One call in a message; text beside it is dropped.
ONE_CALL = """
{%- for m in messages %}<|im_start|>{{ 'ipython' if m.role == 'tool' else m.role }}
{% if m.tool_calls is defined %}
{%- if m.tool_calls | length != 1 %}{{ raise_exception('only one call at once') }}{% endif %}
{%- set call = m.tool_calls[0].function %}{"name": "{{ call.name }}", "parameters": {{ call.arguments | tojson }}}
{%- else %}{{ m.content }}{% endif %}<|im_end|>
{%- endfor %}
{%- if tools %}{{ tools | tojson }}{% endif %}<|im_start|>assistant
"""

# Ids of nine letters and digits, roles that alternate, no text beside calls.
SHORT_IDS = """
{%- set ns = namespace(user=true) %}
{%- for m in messages %}
{%- if m.role == 'user' or (m.role == 'assistant' and not m.tool_calls) %}
{%- if (m.role == 'user') != ns.user %}{{ raise_exception('roles must alternate') }}{% endif %}
{%- set ns.user = not ns.user %}
{%- endif %}
{%- if m.role == 'tool' %}[R]{{ m.content }} {{ m.tool_call_id }}[/R]
{%- elif m.tool_calls %}
{%- if m.content %}{{ raise_exception('no text beside calls') }}{% endif %}[C]
{%- for call in m.tool_calls %}
{%- if call.id | length != 9 %}{{ raise_exception('ids have nine letters') }}{% endif %}
{%- set ns.user = false %}{{ call.function | tojson }} {{ call.id }}
{%- endfor %}
{%- else %}[{{ m.role }}]{{ m.content }}{% endif %}
{%- endfor %}"""

# No word of tools; arguments are joined to its text, and calls are written only where content is null.
TEXT_ARGUMENTS = """
{%- for m in messages %}
{%- if m.role == 'assistant' and m.content is none %}
{%- for call in m.tool_calls %}<c>{{ call.type + ' ' + call.function.name + ' ' + call.function.arguments }}</c>
{%- endfor %}
{%- elif m.role == 'tool' %}<o>{{ m.content }}</o>
{%- else %}<|im_start|>{{ m.role }} {{ m.content }}<|im_end|>{% endif %}
{%- endfor %}<|im_start|>assistant
"""

# A thought under another name, and none beside a text; one call in a message.
OWN_THOUGHT = """
{%- for m in messages %}
{%- if m.tool_calls %}
{%- if m.content and m.thinking %}{{ raise_exception('either a text or a thought') }}{% endif %}
{%- if m.content or m.thinking %}<a>{{ m.content or m.thinking }}</a>{% endif %}
{%- set call = m.tool_calls[0].function %}<c>{{ call.name }} {{ call.arguments | tojson }}</c>
{%- elif m.role == 'tool' %}<o>{{ m.content }}</o>
{%- else %}<|im_start|>{{ m.role }} {{ m.content }}<|im_end|>{% endif %}
{%- endfor %}<|im_start|>assistant
"""

# No system message, roles that alternate, nothing of tools.
KNOWS_NOTHING = """
{%- for m in messages %}
{%- if m.role not in ('user', 'assistant') %}{{ raise_exception('no such role: ' + m.role) }}{% endif %}
{%- if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('roles must alternate') }}{% endif %}
{{- '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>' }}
{%- endfor %}<|im_start|>assistant
"""
