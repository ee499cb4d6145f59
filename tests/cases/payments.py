"""Premium payments (HIX 820, 005010X306) as segments: synthetic, and right unless edited."""

from tests.cases.enrollment import Group, Interchange, Set

_PERIOD = "DTM*582****RD8*20260101-20260131"
GROUP = "GS*RA*CMSFFM*990000001*20260130*1200*{number}*X*005010X306"
HEADER = (
    "BPR*I*460*C*ACH*CCP*******01*000000001*DA*123456*20260130",
    "TRN*3*2026013000001",
    "N1*PE*EXAMPLE HEALTH*FI*990000001",
    "N1*RM*CMS*58*CMS",
    "PER*IC*EXCHANGE OPERATIONS*EM*payments@example.com*TE*5550100",
)
POLICY = (
    "ENT*1",
    "NM1*IL*1*ALDER*ROBIN****C1*0000777222",
    "REF*38*12345TX0010001",
    "REF*POL*4567001",
    "REF*AZ*ISSUER4567",
    "REF*0F*SUB123",
    "RMR*ZZ*APTC**400",
    _PERIOD,
    "RMR*ZZ*CSR**100",
    _PERIOD,
    "RMR*ZZ*UF**-40",
    _PERIOD,
)


def payments(*entities, header=HEADER):
    """An interchange with one transaction set of those loops 2000."""
    body = tuple(segment for entity in entities or (POLICY,) for segment in entity)
    one = Set((*header, *body), header="ST*820*{number}*005010X306")
    return Interchange((Group((one,), header=GROUP),))
