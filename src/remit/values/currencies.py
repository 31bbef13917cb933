"""The currencies of ISO 4217, and how many decimal places each has.

The tables follow list one of the standard as of January 2026 (https://www.six-group.com/en/products-services/
financial-information/data-standards.html), and list three for what was withdrawn since 1999. Codes of funds, units of
account, metals and tests are left out: nobody pays in them.
"""

from __future__ import annotations

_IN_USE = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF",
    2: """
        AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC CUP
        CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES
        KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK
        NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB
        TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG
    """,
    3: "BHD IQD JOD KWD LYD OMR TND",
}
_WITHDRAWN = {
    0: "BEF BYR ESP GRD ITL LUF MGF PTE TRL",
    2: """
        ANG ATS AZM BGN CSD CUC CYP DEM EEK FIM FRF GHC HRK IEP LTL LVL MRO MTL MZM NLG ROL SDD SIT SKK SLL SRG STD TMM
        VEB VEF YUM ZMK ZWD ZWL ZWN ZWR
    """,
}
"""Amounts in these currencies may be stored. They can be read as before."""

MINOR_UNITS = {
    code: places for table in (_IN_USE, _WITHDRAWN) for places, codes in table.items() for code in codes.split()
}
"""The decimal places of each currency, by its code."""
