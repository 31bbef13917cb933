"""A model in CML that uses every strategic word, and many of the tactical ones."""

SHOP = r"""
/* A shop, as its people see it. */
ContextMap Shop {
    type = SYSTEM_LANDSCAPE
    state TO_BE
    contains Sales, Billing
    contains Shipping contains Ledger

    Sales [U,OHS,PL] -> [D,ACL] Billing : SalesToBilling {
        implementationTechnology = "REST"
        exposedAggregates = Orders
        downstreamRights = VETO_RIGHT
    }
    Sales [OHS] -> Shipping
    Billing [D,C]<-[U,S] Ledger
    Billing [P]<->[P] Shipping { implementationTechnology "events" }
    Sales <-> Ledger
    Shipping [CF]Downstream-Upstream[PL] Ledger
}

BoundedContext Sales implements Selling refines Ledger {
    domainVisionStatement = "Sells \"things\"."
    type = APPLICATION
    responsibilities = "taking orders", "prices"
    implementationTechnology "Python"
    knowledgeLevel = CONCRETE
    businessModel = "REVENUE"
    evolution = CUSTOM_BUILT

    Application {
        Command PlaceOrder
        Service Ordering { void place(@Order order); }
        Flow Buying { command PlaceOrder delegates to Orders [OPEN -> PAID X ^LOW*] emits event OrderPlaced }
        Coordination Checkout { Sales::Ordering::place; }
    }
    Module sales {
        basePackage = shop.sales
        "The orders of customers."
        Aggregate Orders {
            owner Clerks
            likelihoodForChange = OFTEN
            userRequirements = Buy, Return
            Entity Order {
                aggregateRoot
                OrderId orderId key
                - List<Line> lines opposite order
                def void pay() : write [OPEN -> PAID];
                Repository OrderRepository { @Order find(OrderId id); List<@Order> all => AccessObject; }
            }
            Entity Line { - Order order <-> lines Integer count nullable }
            ValueObject Money { BigDecimal amount min = "0" }
            DomainEvent OrderPlaced { persistent Date ^when }
            enum Status { aggregateLifecycle OPEN, PAID, ^LOW }
        }
    }
    Service Pricing
}

BoundedContext Billing
BoundedContext Shipping
BoundedContext Ledger
BoundedContext Clerks realizes Sales, Billing { type = TEAM }

Domain Trade {
    domainVisionStatement = "Buying and selling"
    Subdomain Selling supports Buy { type = CORE_DOMAIN domainVisionStatement "sell" Entity Customer Service Greeting }
    Subdomain Paying
}

UseCase Return {
    actor "customer"
    secondaryActors = "clerk", "carrier"
    interactions = create a "Return" with its "reason", "photo" for an "Order", "check" the "Goods" in "Store"
    benefit "money back"
    scope = "shop"
    level "user goal"
}
UserStory Buy split by Browse {
    As a "customer" I want to "place" an "Order" with their "lines" to "Shop" I want to read "Prices"
    so that "I own things"
    and that "trust", "speed" are promoted, accepting that "privacy" is harmed
}
UserStory Browse

Stakeholders of Sales, Billing {
    StakeholderGroup Public { Stakeholder Customer { influence = LOW interest HIGH description = "buys" } }
    Stakeholder Owner
}
ValueRegister Values for Sales {
    ValueCluster Trusting { core = TRUST demonstrator "a" demonstrator = "b" relatedValue "c" opposingValue "d"
        Value Openness }
    ValueCluster Own { core "Fun" Stakeholder Customer { impact = LOW } }
    Value Privacy {
        isCore
        Stakeholders Public {
            priority = HIGH impact LOW
            consequences good "known" action "tell" ACT bad "sold" neutral "kept" action "ask" "LATER"
        }
    }
    ValueEpic Epic { As a Customer I value "calm" as demonstrated in reduction of "noise" realization of "peace" }
    ValueNarrative Story {
        When the SOI executes "f", stakeholders expect it to promote, protect or create "p",
        possibly degrading or prohibiting "h"
        with the following externally observable and/or internally auditable behavior: "b"
    }
    ValueWeigthing Weights {
        In the context of the SOI, stakeholder Owner values "a" more than "b"
        expecting benefits such as "c" running the risk of harms such as "d"
    }
}
"""
