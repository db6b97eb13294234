"""Tokens that are known by their shape, without a name beside them: a line for each. Pure."""

from __future__ import annotations

import re
from typing import Final, NamedTuple


class Shape(NamedTuple):
    """What the tokens of one service look like.

    Attributes:
        literal: What each begins with. A letter, digit or ``_`` never stands before it. One that ends with a slash is
            a URL's host, and is shown.
        rest: A regular expression of what follows. It is generous: a token that was cut short is one.
        source: Who has made the format, and documents it.
        before: A regular expression of what precedes the literal, for tokens that begin with anything.
        has_digit: Whether a token must have a digit. A literal with which words begin needs that.
    """

    literal: str
    rest: str
    source: str
    before: str = ""
    has_digit: bool = False


SHAPES: Final[tuple[Shape, ...]] = (
    Shape("ghp_", r"\w{20,}", "docs.github.com"),
    Shape("gho_", r"\w{20,}", "docs.github.com"),
    Shape("ghu_", r"\w{20,}", "docs.github.com"),
    Shape("ghs_", r"\w{20,}", "docs.github.com"),
    Shape("ghr_", r"\w{20,}", "docs.github.com"),
    Shape("github_pat_", r"\w{20,}", "docs.github.com"),
    Shape("glpat-", r"[\w.-]{16,}", "docs.gitlab.com"),
    Shape("gldt-", r"[\w-]{16,}", "docs.gitlab.com"),
    Shape("glft-", r"[\w-]{16,}", "docs.gitlab.com"),
    Shape("glffct-", r"[\w-]{16,}", "docs.gitlab.com"),
    Shape("glrt-", r"[\w.-]{16,}", "docs.gitlab.com"),
    Shape("glrtr-", r"[\w.-]{16,}", "docs.gitlab.com"),
    Shape("glptt-", r"[\w-]{30,}", "docs.gitlab.com"),
    Shape("glagent-", r"[\w-]{30,}", "docs.gitlab.com"),
    Shape("gloas-", r"[\w-]{30,}", "docs.gitlab.com"),
    Shape("glsoat-", r"[\w-]{16,}", "docs.gitlab.com"),
    Shape("glcbt-", r"[\w-]{16,}", "docs.gitlab.com"),
    Shape("glimt-", r"[\w-]{16,}", "docs.gitlab.com", has_digit=True),
    Shape("glwt-", r"[\w-]{16,}", "docs.gitlab.com"),
    Shape("GR1348941", r"[\w-]{16,}", "docs.gitlab.com"),
    Shape("_gitlab_session=", r"[0-9a-z]{20,}", "docs.gitlab.com"),
    Shape("ATATT3", r"[\w=-]{40,}", "developer.atlassian.com"),
    Shape("ATCTT3", r"[\w=-]{40,}", "developer.atlassian.com"),
    Shape("ATBB", r"[A-Za-z0-9]{24,}", "developer.atlassian.com"),
    Shape("ATTA", r"[0-9a-f]{60,}", "developer.atlassian.com"),
    Shape("BBDC-", r"[A-Za-z0-9+/]{36,}", "developer.atlassian.com"),
    Shape("xoxa-", r"[\w-]{8,}", "api.slack.com"),
    Shape("xoxb-", r"[\w-]{8,}", "api.slack.com"),
    Shape("xoxc-", r"[\w-]{8,}", "api.slack.com"),
    Shape("xoxd-", r"[\w%-]{8,}", "api.slack.com"),
    Shape("xoxe-", r"[\w-]{8,}", "api.slack.com"),
    Shape("xoxe.xox", r"[bp]-[\w-]{8,}", "api.slack.com"),
    Shape("xoxo-", r"(?=\d)[\w-]{8,}", "api.slack.com"),
    Shape("xoxp-", r"[\w-]{8,}", "api.slack.com"),
    Shape("xoxr-", r"[\w-]{8,}", "api.slack.com"),
    Shape("xoxs-", r"[\w-]{8,}", "api.slack.com"),
    Shape("xoxe", r"[.\w]xox[bp]-[\w-]{8,}", "api.slack.com"),
    Shape("xapp-", r"\d-[\w-]{5,}", "api.slack.com"),
    Shape("hooks.slack.com/", r"(?:services|workflows|triggers)/[\w+/-]{10,}", "api.slack.com"),
    Shape("AKIA", r"[A-Z0-9]{16}(?!\w)", "docs.aws.amazon.com"),
    Shape("ASIA", r"[A-Z0-9]{16}(?!\w)", "docs.aws.amazon.com"),
    Shape("ABIA", r"[A-Z0-9]{16}(?!\w)", "docs.aws.amazon.com"),
    Shape("ACCA", r"[A-Z0-9]{16}(?!\w)", "docs.aws.amazon.com"),
    Shape("A3T", r"[A-Z0-9]{17}(?!\w)", "docs.aws.amazon.com"),
    Shape("ABSK", r"[A-Za-z0-9+/]{80,}={0,2}", "docs.aws.amazon.com"),
    Shape("bedrock-api-key-", r"[A-Za-z0-9+/]{20,}={0,2}", "docs.aws.amazon.com"),
    Shape("amzn.mws.", r"[0-9a-f-]{30,}", "docs.aws.amazon.com"),
    Shape("amzn1.oa2-cs.v1.", r"[0-9a-f]{60,}", "developer.amazon.com"),
    Shape("Atza|", r"[\w-]{50,}", "developer.amazon.com"),
    Shape("Atzr|", r"[\w-]{50,}", "developer.amazon.com"),
    Shape("AIza", r"[\w-]{30,}", "cloud.google.com"),
    Shape("ya29.", r"[\w-]{20,}", "developers.google.com"),
    Shape("1//0", r"[\w-]{30,}", "developers.google.com"),
    Shape("GOCSPX-", r"[\w-]{24,}", "developers.google.com"),
    Shape("AAAA", r"[\w-]{7}:[\w-]{100,}", "firebase.google.com"),
    Shape("AAAAAAAAAAAAAAAAAAAAA", r"[A-Za-z0-9%]{60,}", "developer.x.com"),
    Shape("sk-", r"[\w-]{20,}", "platform.openai.com, docs.anthropic.com, openrouter.ai", has_digit=True),
    Shape("sess-", r"[A-Za-z0-9]{36,}", "platform.openai.com", has_digit=True),
    Shape("hf_", r"[A-Za-z0-9]{20,}", "huggingface.co"),
    Shape("api_org_", r"[A-Za-z0-9]{20,}", "huggingface.co"),
    Shape("gsk_", r"[A-Za-z0-9]{40,}", "console.groq.com"),
    Shape("xai-", r"[A-Za-z0-9]{60,}", "docs.x.ai"),
    Shape("pplx-", r"[A-Za-z0-9]{30,}", "docs.perplexity.ai"),
    Shape("r8_", r"[A-Za-z0-9]{30,}", "replicate.com"),
    Shape("nvapi-", r"[\w-]{50,}", "docs.nvidia.com", has_digit=True),
    Shape("csk-", r"[a-z0-9]{40,}", "inference-docs.cerebras.ai"),
    Shape("tgp_v1_", r"[\w-]{30,}", "docs.together.ai"),
    Shape("fw_", r"[A-Za-z0-9]{22,}", "docs.fireworks.ai"),
    Shape("pcsk_", r"\w{30,}", "docs.pinecone.io"),
    Shape("lsv2_", r"(?:pt|sk)_\w{30,}", "docs.smith.langchain.com"),
    Shape("jina_", r"\w{40,}", "jina.ai"),
    Shape("tvly-", r"[\w-]{20,}", "docs.tavily.com", has_digit=True),
    Shape("fc-", r"[0-9a-f]{32}(?!\w)", "docs.firecrawl.dev"),
    Shape("apify_api_", r"[A-Za-z0-9]{30,}", "docs.apify.com"),
    Shape("e2b_", r"[0-9a-f]{32,}", "e2b.dev"),
    Shape("wandb_v1_", r"\w{40,}", "docs.wandb.ai"),
    Shape("rpa_", r"[A-Z0-9]{30,}", "docs.runpod.io"),
    Shape("KGAT_", r"[0-9a-f]{32}", "kaggle.com"),
    Shape("esecret_", r"[a-z0-9]{20,}", "docs.anyscale.com", has_digit=True),
    Shape("sk_live_", r"\w{10,}", "docs.stripe.com"),
    Shape("sk_test_", r"\w{10,}", "docs.stripe.com"),
    Shape("sk_prod_", r"\w{10,}", "docs.stripe.com"),
    Shape("rk_live_", r"\w{10,}", "docs.stripe.com"),
    Shape("rk_test_", r"\w{10,}", "docs.stripe.com"),
    Shape("rk_prod_", r"\w{10,}", "docs.stripe.com"),
    Shape("sk_sbox_", r"\w{20,}", "checkout.com"),
    Shape("sk_", r"[\w-]{25,}", "elevenlabs.io, freemius.com", has_digit=True),
    Shape("whsec_", r"[A-Za-z0-9+/=]{20,}", "docs.stripe.com, docs.svix.com"),
    Shape("testsk_", r"[\w-]{20,}", "docs.svix.com", has_digit=True),
    Shape("SK", r"[0-9a-f]{32}(?!\w)", "twilio.com"),
    Shape("SG.", r"[\w=.-]{40,}", "docs.sendgrid.com"),
    Shape("key-", r"[0-9a-f]{32}(?!\w)", "documentation.mailgun.com"),
    Shape("pubkey-", r"[0-9a-f]{32}(?!\w)", "documentation.mailgun.com"),
    Shape("xkeysib-", r"[0-9a-f]{40,}-[A-Za-z0-9]{8,}", "developers.brevo.com"),
    Shape("xsmtpsib-", r"[0-9a-f]{40,}-[A-Za-z0-9]{8,}", "developers.brevo.com"),
    Shape("re_", r"[A-Za-z0-9]{8}_[A-Za-z0-9]{20,}", "resend.com", has_digit=True),
    Shape("pk_", r"[0-9a-f]{34}(?!\w)|pk_\d{4,12}_[A-Z0-9]{32}", "developers.klaviyo.com, clickup.com", has_digit=True),
    Shape("EAAA", r"[\w-]{20,}", "developer.squareup.com"),
    Shape("EAA", r"[A-Za-z0-9]{50,}", "developers.facebook.com"),
    Shape("IGQ", r"[\w-]{80,}", "developers.facebook.com"),
    Shape("sq0atp-", r"[\w-]{20,}", "developer.squareup.com"),
    Shape("sq0csp-", r"[\w-]{20,}", "developer.squareup.com"),
    Shape("sq0idp-", r"[\w-]{20,}", "developer.squareup.com", has_digit=True),
    Shape("shpat_", r"[0-9A-Fa-f]{30,}", "shopify.dev"),
    Shape("shpca_", r"[0-9A-Fa-f]{30,}", "shopify.dev"),
    Shape("shppa_", r"[0-9A-Fa-f]{30,}", "shopify.dev"),
    Shape("shpss_", r"[0-9A-Fa-f]{30,}", "shopify.dev"),
    Shape("shpua_", r"[0-9A-Fa-f]{30,}", "shopify.dev", has_digit=True),
    Shape("access_token$", r"(?:production|sandbox)\$[0-9a-z]{12,}\$[0-9a-f]{30,}", "developer.paypal.com"),
    Shape("access-", r"(?:sandbox|development|production)-[0-9a-f-]{30,}", "plaid.com"),
    Shape("FLWSECK", r"(?:_TEST)?-[0-9A-Za-z]{12,}(?:-X)?", "developer.flutterwave.com"),
    Shape("FLWPUBK", r"(?:_TEST)?-[0-9A-Za-z]{12,}(?:-X)?", "developer.flutterwave.com"),
    Shape("rzp_", r"(?:live|test)_[A-Za-z0-9]{14,}", "razorpay.com"),
    Shape("live_", r"[\w=-]{35,}", "docs.lob.com, developer.gocardless.com", has_digit=True),
    Shape("test_", r"[0-9a-f]{35}(?!\w)", "docs.lob.com", has_digit=True),
    Shape("live_pub_", r"[0-9a-f]{31}", "docs.lob.com"),
    Shape("test_pub_", r"[0-9a-f]{31}", "docs.lob.com"),
    Shape("EZAK", r"[A-Za-z0-9]{50,}", "docs.easypost.com"),
    Shape("EZTK", r"[A-Za-z0-9]{50,}", "docs.easypost.com"),
    Shape("shippo_", r"(?:live|test)_[0-9A-Fa-f]{36,}", "docs.goshippo.com"),
    Shape("duffel_", r"(?:test|live)_[\w=-]{36,}", "duffel.com"),
    Shape("pdl_", r"(?:live|sdbx)_\w{30,}", "developer.paddle.com"),
    Shape("npm_", r"[A-Za-z0-9]{30,}", "docs.npmjs.com"),
    Shape("pypi-", r"[\w-]{20,}", "pypi.org", has_digit=True),
    Shape("rubygems_", r"[0-9a-f]{40,}", "guides.rubygems.org"),
    Shape("CLOJARS_", r"[0-9A-Za-z]{50,}", "clojars.org"),
    Shape("cio", r"[A-Za-z0-9]{32}(?!\w)", "crates.io"),
    Shape("oy2", r"[a-z0-9]{43}(?!\w)", "learn.microsoft.com"),
    Shape("dckr_pat_", r"[\w-]{24,}", "docs.docker.com"),
    Shape("dckr_oat_", r"[\w-]{24,}", "docs.docker.com"),
    Shape("AKCp", r"[A-Za-z0-9]{60,}", "jfrog.com"),
    Shape("cmVmd", r"[A-Za-z0-9]{50,}", "jfrog.com"),
    Shape("PMAK-", r"[0-9a-f]{20,}-[0-9a-f]{30,}", "learning.postman.com"),
    Shape("PMAT-", r"[0-9A-Z]{24,}", "learning.postman.com"),
    Shape("pul-", r"[0-9a-f]{36,}", "pulumi.com"),
    Shape("hvs.", r"[\w-]{20,}", "developer.hashicorp.com"),
    Shape("hvb.", r"[\w-]{20,}", "developer.hashicorp.com"),
    Shape("hvr.", r"[\w-]{20,}", "developer.hashicorp.com"),
    Shape("s.", r"[A-Za-z0-9]{24}(?![\w.])", "developer.hashicorp.com"),
    Shape("dp.pt.", r"[A-Za-z0-9]{30,}", "docs.doppler.com"),
    Shape("dp.st.", r"[\w.-]{30,}", "docs.doppler.com"),
    Shape("dp.ct.", r"[A-Za-z0-9]{30,}", "docs.doppler.com"),
    Shape("dp.sa.", r"[A-Za-z0-9]{30,}", "docs.doppler.com"),
    Shape("dp.scim.", r"[A-Za-z0-9]{30,}", "docs.doppler.com"),
    Shape("dp.audit.", r"[A-Za-z0-9]{30,}", "docs.doppler.com"),
    Shape("dapi", r"[0-9a-f]{32}(?:-\d)?(?!\w)", "docs.databricks.com"),
    Shape("dose", r"[0-9a-f]{32}(?!\w)", "docs.databricks.com"),
    Shape("dkea", r"[0-9a-f]{32}(?!\w)", "docs.databricks.com"),
    Shape("dsapi", r"[0-9a-f]{32}(?!\w)", "docs.databricks.com"),
    Shape("dt0", r"[a-z]\d\d\.[A-Za-z0-9]{20,}\.[A-Za-z0-9]{50,}", "docs.dynatrace.com"),
    Shape("NRAK-", r"[A-Za-z0-9]{20,}", "docs.newrelic.com"),
    Shape("NRAL-", r"[A-Za-z0-9]{20,}", "docs.newrelic.com"),
    Shape("NRII-", r"[A-Za-z0-9-]{20,}", "docs.newrelic.com"),
    Shape("NRIQ-", r"[A-Za-z0-9-]{20,}", "docs.newrelic.com"),
    Shape("NRJS-", r"[0-9a-f]{15,}", "docs.newrelic.com"),
    Shape("NRSP-", r"[A-Za-z0-9-]{20,}", "docs.newrelic.com"),
    Shape("glsa_", r"[A-Za-z0-9]{24,}_[0-9A-Fa-f]{8}", "grafana.com"),
    Shape("glc_", r"[A-Za-z0-9+/]{30,}={0,3}", "grafana.com"),
    Shape("sntrys_", r"[\w+/=-]{40,}", "docs.sentry.io"),
    Shape("sntryu_", r"[0-9a-f]{50,}", "docs.sentry.io"),
    Shape("sntrya_", r"[0-9a-f]{50,}", "docs.sentry.io"),
    Shape("hcaik_", r"[a-z0-9]{40,}", "docs.honeycomb.io"),
    Shape("hcbik_", r"[a-z0-9]{40,}", "docs.honeycomb.io"),
    Shape("hcxik_", r"[a-z0-9]{40,}", "docs.honeycomb.io"),
    Shape("essu_", r"[\w=]{40,}", "elastic.co"),
    Shape("phx_", r"[A-Za-z0-9]{36,}", "posthog.com"),
    Shape("phs_", r"[A-Za-z0-9]{36,}", "posthog.com"),
    Shape("lin_api_", r"[A-Za-z0-9]{30,}", "linear.app"),
    Shape("lin_oauth_", r"[A-Za-z0-9]{30,}", "linear.app"),
    Shape("ntn_", r"[A-Za-z0-9]{40,}", "developers.notion.com"),
    Shape("secret_", r"[A-Za-z0-9]{43}(?!\w)", "developers.notion.com"),
    Shape("figd_", r"[\w-]{36,}", "figma.com"),
    Shape("figdr_", r"[\w-]{30,}", "figma.com"),
    Shape("pat", r"[A-Za-z0-9]{14}\.[0-9a-f]{50,}", "airtable.com"),
    Shape("pat.", r"[\w-]{22}\.[A-Za-z0-9]{24}\.[A-Za-z0-9]{20}", "developer.harness.io"),
    Shape("sat.", r"[\w-]{22}\.[A-Za-z0-9]{24}\.[A-Za-z0-9]{20}", "developer.harness.io"),
    Shape("pat-na", r"\d-[0-9A-Fa-f-]{30,}", "developers.hubspot.com"),
    Shape("pat-eu", r"\d-[0-9A-Fa-f-]{30,}", "developers.hubspot.com"),
    Shape("tfp_", r"[\w.=-]{40,}", "typeform.com"),
    Shape("sm_aat_", r"[A-Za-z0-9]{16,}", "settlemint.com"),
    Shape("sm_pat_", r"[A-Za-z0-9]{16,}", "settlemint.com"),
    Shape("sm_sat_", r"[A-Za-z0-9]{16,}", "settlemint.com"),
    Shape("squ_", r"[\w=-]{36,}", "docs.sonarsource.com"),
    Shape("sqp_", r"[\w=-]{36,}", "docs.sonarsource.com"),
    Shape("sqa_", r"[\w=-]{36,}", "docs.sonarsource.com"),
    Shape("sgp_", r"[0-9A-Za-z_]{36,}", "sourcegraph.com"),
    Shape("slk_", r"[0-9a-f]{60,}", "sourcegraph.com"),
    Shape("snyk_", r"[\w.-]{30,}", "docs.snyk.io", has_digit=True),
    Shape("sktsec_", r"\w{30,}", "socket.dev"),
    Shape("CCIPAT_", r"\w{30,}", "circleci.com"),
    Shape("CCIPRJ_", r"\w{30,}", "circleci.com"),
    Shape("bkua_", r"[0-9a-f]{36,}", "buildkite.com"),
    Shape("tk-us-", r"[\w-]{40,}", "scalingo.com"),
    Shape("ico-", r"[A-Za-z0-9]{32}(?!\w)", "infracost.io"),
    Shape("rdme_", r"[a-z0-9]{60,}", "docs.readme.com"),
    Shape("fio-u-", r"[\w=-]{50,}", "developer.frame.io"),
    Shape("API-", r"[A-Z0-9]{26}(?!\w)", "octopus.com"),
    Shape("AGE-SECRET-KEY-1", r"[0-9A-Z]{50,}", "age-encryption.org"),
    Shape("ops_eyJ", r"[\w+/=-]{40,}", "developer.1password.com"),
    Shape("A3-", r"[A-Z0-9]{6}-[A-Z0-9-]{20,}", "support.1password.com"),
    Shape("endr+", r"[A-Za-z0-9-]{16,}", "docs.endorlabs.com"),
    Shape("p8e-", r"[A-Za-z0-9]{28,}", "developer.adobe.com"),
    Shape("LTAI", r"[A-Za-z0-9]{16,24}(?!\w)", "alibabacloud.com"),
    Shape("AKID", r"[A-Za-z0-9]{32}(?!\w)", "cloud.tencent.com"),
    Shape("AQVN", r"[\w-]{35,}", "yandex.cloud"),
    Shape("YC", r"[\w-]{38}(?![\w-])", "yandex.cloud"),
    Shape("YCA", r"[\w-]{37}(?![\w-])", "yandex.cloud"),
    Shape("t1.", r"[\w-]{1,400}={0,2}\.[\w-]{80,}={0,2}", "yandex.cloud"),
    Shape("y0_", r"[\w-]{50,}", "yandex.com"),
    Shape("HRKU-", r"[\w-]{30,}", "devcenter.heroku.com"),
    Shape("pscale_tkn_", r"[\w=.-]{32,}", "planetscale.com"),
    Shape("pscale_pw_", r"[\w=.-]{32,}", "planetscale.com"),
    Shape("pscale_oauth_", r"[\w=.-]{32,}", "planetscale.com"),
    Shape("nfp_", r"[A-Za-z0-9]{36,}", "docs.netlify.com"),
    Shape("nfo_", r"[A-Za-z0-9]{36,}", "docs.netlify.com"),
    Shape("nfc_", r"[A-Za-z0-9]{36,}", "docs.netlify.com"),
    Shape("vcp_", r"[A-Za-z0-9]{20,}", "vercel.com"),
    Shape("vck_", r"[A-Za-z0-9]{20,}", "vercel.com"),
    Shape("vercel_blob_rw_", r"\w{20,}", "vercel.com"),
    Shape("fo1_", r"[\w-]{40,}", "fly.io"),
    Shape("fm1a_", r"[A-Za-z0-9+/]{60,}={0,3}", "fly.io"),
    Shape("fm1r_", r"[A-Za-z0-9+/]{60,}={0,3}", "fly.io"),
    Shape("fm2_", r"[A-Za-z0-9+/]{60,}={0,3}", "fly.io"),
    Shape("rnd_", r"[A-Za-z0-9]{26,}", "render.com"),
    Shape("dop_v1_", r"[0-9a-f]{50,}", "docs.digitalocean.com"),
    Shape("doo_v1_", r"[0-9a-f]{50,}", "docs.digitalocean.com"),
    Shape("dor_v1_", r"[0-9a-f]{50,}", "docs.digitalocean.com"),
    Shape("tskey-", r"[A-Za-z0-9-]{16,}", "tailscale.com", has_digit=True),
    Shape("v1.0-", r"[0-9a-f]{24}-[0-9a-f]{100,}", "developers.cloudflare.com"),
    Shape("CFPAT-", r"[\w-]{36,}", "contentful.com"),
    Shape("dG9rO", r"[A-Za-z0-9+/]{36,}={0,2}", "developers.intercom.com"),
    Shape("sl.", r"[\w=-]{60,}", "dropbox.com"),
    Shape("oauth:", r"[a-z0-9]{30}(?!\w)", "dev.twitch.tv"),
    Shape("dnkey-", r"[\w=-]{20,}", "defined.net"),
    Shape("pnu_", r"[A-Za-z0-9]{30,}", "docs.prefect.io"),
    Shape("pnb_", r"[A-Za-z0-9]{30,}", "docs.prefect.io"),
    Shape("pk.", r"[\w-]{50,}\.[\w-]{20,}", "docs.mapbox.com"),
    Shape("sk.", r"[\w-]{50,}\.[\w-]{20,}", "docs.mapbox.com"),
    Shape("s-s4t2", r"(?:ud|af)-[0-9a-f]{50,}", "api.intra.42.fr"),
    Shape("b_", r"[\w=-]{44}(?![\w=-])", "getbeamer.com", has_digit=True),
    Shape("4b1d", r"[A-Za-z0-9]{38}(?!\w)", "clickhouse.com"),
    Shape("sha256~", r"[\w-]{40,}", "docs.openshift.com"),
    Shape("napi_", r"[a-z0-9]{40,}", "neon.tech"),
    Shape("sbp_", r"[0-9a-f]{40,}", "supabase.com"),
    Shape("sb_secret_", r"[\w-]{20,}", "supabase.com", has_digit=True),
    Shape("mdb_sa_sk_", r"[\w-]{30,}", "mongodb.com"),
    Shape("CCDB1_", r"\w{30,}", "cockroachlabs.com"),
    Shape("xau_", r"[A-Za-z0-9]{30,}", "xata.io"),
    Shape("AVNS_", r"[\w-]{16,}", "aiven.io", has_digit=True),
    Shape("dbtc_", r"[\w-]{30,}", "docs.getdbt.com"),
    Shape("dbtu_", r"[\w-]{30,}", "docs.getdbt.com"),
    Shape("mzp_", r"[0-9a-f]{50,}", "materialize.com"),
    Shape("hxtp_", r"[0-9a-f]{60,}", "learn.hex.tech"),
    Shape("retool_", r"[a-z0-9]{24,}", "docs.retool.com", has_digit=True),
    Shape("n8n_api_", r"[0-9a-f]{30,}", "docs.n8n.io"),
    Shape("kpat_", r"[A-Za-z0-9]{40,}", "docs.konghq.com"),
    Shape("spat_", r"[A-Za-z0-9]{40,}", "docs.konghq.com"),
    Shape("zpka_", r"\w{30,}", "zuplo.com"),
    Shape("wlu_", r"[A-Za-z0-9]{36,}", "docs.weblate.org"),
    Shape("wlp_", r"[A-Za-z0-9]{36,}", "docs.weblate.org"),
    Shape("ion_", r"[A-Za-z0-9]{40,}", "ionic.io"),
    Shape("waka_", r"[0-9a-f-]{30,}", "wakatime.com"),
    Shape("lip_", r"[A-Za-z0-9]{16,24}(?!\w)", "lichess.org"),
    Shape("os_v2_", r"(?:app|org)_[a-z0-9]{60,}", "documentation.onesignal.com"),
    Shape("sec-c-", r"[A-Za-z0-9]{40,}", "pubnub.com"),
    Shape("secret-", r"(?:test|live)-[\w=-]{36}", "stytch.com"),
    Shape("signkey-", r"[a-z]{4,10}-[0-9a-f]{30,}", "inngest.com"),
    Shape("tr_", r"(?:prod|dev|stg)_[A-Za-z0-9]{20,}", "trigger.dev"),
    Shape("persona_", r"(?:production|sandbox)_[0-9a-f-]{30,}", "docs.withpersona.com"),
    Shape("api_live", r"[._][\w.-]{30,}", "documentation.onfido.com"),
    Shape("prj_live_", r"[sp]k_[0-9a-f]{40}", "radar.com"),
    Shape("KEY", r"[0-9A-F]{32}_\w{16,}", "developers.telnyx.com"),
    Shape("v2x", r"[0-9a-f]{64}(?!\w)", "developers.bitgo.com"),
    Shape("AIK_", r"\w{30,}", "aikido.dev"),
    Shape("eyJ", r"[\w-]{8,4000}\.[\w-]{8,4000}(?:\.[\w-]{0,4000}){0,3}", "RFC 7519", r"(?:(?<![\w-])|(?<=\\[nrt]))"),
    Shape(
        "eyJ",
        r"[\w-]{4,4000}\.[\w-]{6}\.[\w-]{27,43}",
        "itsdangerous.palletsprojects.com",
        r"(?:(?<![\w-])|(?<=\\[nrt]))",
    ),
    Shape("eyJ", r"[\w+/-]{40,}={0,2}", "RFC 7519, grafana.com", r"(?:(?<![\w-])|(?<=\\[nrt]))"),
    Shape(
        "ey",
        r"[\w-]{17,4000}\.ey[\w/\\-]{17,4000}(?:\.[\w/\\-]{0,4000}={0,2})?",
        "RFC 7519",
        r"(?:(?<![\w-])|(?<=\\[nrt]))",
    ),
    Shape("ZXlK", r"[\w+/\\-]{40,}={0,2}", "RFC 7519, in base64"),
    Shape("eJ", r"[\w-]{10,4000}\.[\w-]{6}\.[\w-]{27,43}", "itsdangerous.palletsprojects.com", r"\."),
    # Not at the beginning
    Shape("atlasv1.", r"[\w=-]{50,}", "developer.hashicorp.com", r"[A-Za-z0-9]{10,20}\."),
    Shape("acc", r"[_-][\w-]{10,32}\.[\w+/=-]{20,}", "authress.io", r"(?:sc|ext|scauth|authress)_\w{5,30}\.\w{4,6}\."),
    # URLs
    Shape("webhook.office.com/", r"webhookb2/[\w@/-]{20,}", "learn.microsoft.com"),
    Shape("outlook.office.com/", r"webhook/[\w@/-]{20,}", "learn.microsoft.com"),
    Shape("logic.azure.com/", r"workflows/[0-9a-f]{32}", "learn.microsoft.com"),
    Shape("discord.com/", r"api/(?:v\d+/)?webhooks/\d+/[\w-]{20,}", "discord.com"),
    Shape("discordapp.com/", r"api/(?:v\d+/)?webhooks/\d+/[\w-]{20,}", "discord.com"),
    Shape("hooks.zapier.com/", r"hooks/catch/[\w/]{8,}", "zapier.com"),
    Shape("maker.ifttt.com/", r"trigger/\w+/(?:json/)?with/key/[\w-]{10,}", "ifttt.com"),
    Shape("hc-ping.com/", r"[\w-]{20,}", "healthchecks.io"),
    Shape("events.pagerduty.com/", r"integration/\w{20,}", "developer.pagerduty.com"),
    Shape("api.telegram.org/", r"(?:file/)?bot\d{4,16}:[\w-]{10,}", "core.telegram.org"),
)
"""A new one is a line. A literal of two or three characters needs an exact length, or it will be found in news."""

GLUED: Final = (
    Shape("Q~", r"[\w~.-]{28,40}", "learn.microsoft.com", r"[\w~.-]{3}\d"),
    Shape("_mmk", r"(?!\w)", "dev.maxmind.com", r"[A-Za-z0-9]{6}_[A-Za-z0-9]{29}"),
    Shape("JQQJ99", r"[A-Za-z0-9]{26,}", "learn.microsoft.com", r"[A-Za-z0-9]{40,60}"),
    Shape("AzSe", r"[A-Za-z0-9]{6}(?!\w)", "learn.microsoft.com", r"[A-Za-z0-9]{42}"),
)
"""Tokens with a mark in their middle, which stands between letters."""


class Tail(NamedTuple):
    """Tokens that do not begin with a mark: a sign follows their first part, and what follows the sign is rare.

    Attributes:
        rest: A regular expression that begins with that sign; a search for a sign is fast.
        before: A regular expression of the first part.
        source: Who has made the format, and documents it.
    """

    rest: str
    before: str
    source: str


TAILS: Final = (
    Tail(r"\.[\w-]{6}\.[\w-]{27,40}", r"[\w-]{23,28}", "discord.com"),
    Tail(r":A[\w-]{33,40}", r"\d{5,16}", "core.telegram.org"),
    Tail(r"-(?:us\d{1,2}|[0-9a-h]{8}-[0-9a-h]{8})(?![\w-])", r"[0-9a-h]{32}", "mailchimp.com, mailgun.com"),
    Tail(r"\|[\w-]{27,40}", r"\d{15,16}", "developers.facebook.com"),
)

_NEAR: Final = 100
"""Characters that are looked at before a mark."""

_BEGIN: Final = r"(?:(?<!\w)|(?<=\\[nrt]))"
"""Where a token may begin: not behind a letter, unless the letter belongs to an escape."""

Span = tuple[int, int]
"""Where a secret begins and ends."""


class _Compiled(NamedTuple):
    literal: str
    token: re.Pattern[str]
    before: re.Pattern[str] | None
    has_digit: bool


def _compiled(shape: Shape) -> _Compiled:
    looks_back = bool(shape.before) and "(?<!" not in shape.before
    begin = "" if looks_back else shape.before
    return _Compiled(
        shape.literal,
        re.compile(begin + re.escape(shape.literal) + shape.rest, re.ASCII),
        re.compile(rf"{_BEGIN}(?:{shape.before})\Z", re.ASCII) if looks_back else None,
        shape.has_digit,
    )


def _by_mark(shapes: tuple[Shape, ...]) -> dict[str, list[_Compiled]]:
    """Return, by each literal in lower case, the shapes that may begin there; the longest literal first."""
    compiled = sorted(map(_compiled, shapes), key=lambda shape: -len(shape.literal))
    marks = {shape.literal.lower() for shape in compiled}
    return {mark: [shape for shape in compiled if mark.startswith(shape.literal.lower())] for mark in marks}


BY_MARK: Final = _by_mark(SHAPES)
BY_GLUED_MARK: Final = _by_mark(GLUED)


def shaped(text: str, at: int, shapes: list[_Compiled]) -> Span | None:
    """Find a token.

    Args:
        text: Any text.
        at: Where the mark of some shapes stands, whatever the case of its letters.
        shapes: These shapes.

    Returns:
        Where the token is; None if no token stands there.
    """
    for literal, token, before, has_digit in shapes:
        match = token.match(text, at)
        if match is None or (has_digit and not any(map(str.isdigit, match[0][len(literal) :]))):
            continue
        begin = at + len(literal) if literal.endswith("/") else at
        if before is not None:
            head = before.search(text, max(0, at - _NEAR), at)
            if head is None:
                continue
            begin = head.start()
        return begin, match.end()
    return None


COMPILED_TAILS: Final = tuple(
    (re.compile(tail.rest, re.ASCII), re.compile(rf"{_BEGIN}{tail.before}\Z", re.ASCII)) for tail in TAILS
)


def tailed(text: str, tail: re.Match[str], before: re.Pattern[str]) -> Span | None:
    """Find a token of which the tail has been found; None where its first part is not there."""
    head = before.search(text, max(0, tail.start() - _NEAR), tail.start())
    return None if head is None else (head.start(), tail.end())
